import numpy as np
import pytest

from metrics.inception_score import class_probabilities, inception_score


def test_equals_the_official_value(golden):
    found = inception_score(golden("metrics.npz")["is_probs"])
    expected = golden("metrics.json")["inception_score_10_splits"]
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_certain_predictions_of_all_classes_score_their_number():
    probabilities = np.tile(np.eye(7), (10, 1))
    np.testing.assert_allclose(inception_score(probabilities), (7, 0), atol=1e-9)


def test_equal_predictions_score_1():
    np.testing.assert_allclose(inception_score(np.full((25, 4), 0.25), 5), (1, 0), atol=1e-12)


def test_softmax_survives_large_logits():
    found = class_probabilities(np.array([[1000.0, 1000.0, -1000.0]]))
    np.testing.assert_allclose(found, [[0.5, 0.5, 0]])


def test_too_few_images_are_refused():
    with pytest.raises(ValueError, match="9 images"):
        inception_score(np.full((9, 4), 0.25))
