import numpy as np
import pytest

from metrics import fid, inception_score, kid, ms_ssim, swd
from metrics.cache import Cache
from metrics.evaluate import Evaluator
from metrics.measures import higher_is_better
from pgan_tf.errors import UserError


class Images:
    """A source of given images that counts its passes."""

    def __init__(self, images, name="images", key=None, endless=False):
        self.name, self.shape = name, images.shape[1:3]
        self.num_images = None if endless else len(images)
        self._images, self.passes = images, 0
        if key:
            self.key = {"dataset": key}

    def blocks(self, count):
        self.passes += 1
        for start in range(0, count, 7):
            yield self._images[start : min(start + 7, count)]


def noise(n, resolution=16, seed=0, contrast=1.0):
    images = np.random.default_rng(seed).integers(0, 256, (n, resolution, resolution, 3))
    return (128 + (images - 128) * contrast).astype(np.uint8)


class Network:
    """Stands for Inception: the 4x4 means of an image as features."""

    weights_hash = "stand-in"
    num_features = 48

    def features(self, images):
        n = len(images)
        means = images.reshape(n, 4, -1, 4, images.shape[2] // 4, 3).mean(axis=(2, 4))
        return (means.reshape(n, -1) / 255).astype(np.float32)

    def logits(self, features):
        return features[:, :10] * 100


def by_name(results):
    return {result.metric.name: result for result in results}


def no_weights():
    raise UserError("no weights here")


def test_values_are_those_of_the_plain_functions(tmp_path):
    reals, fakes = noise(40, 32), noise(40, 32, seed=1, contrast=0.8)
    evaluator = Evaluator(
        ["swd", "msssim", "fid", "is", "kid"], Cache(tmp_path), seed=3, load_inception=Network
    )
    results = by_name(evaluator.measure(Images(fakes), Images(reals)))
    assert not any(result.error for result in results.values())
    assert all(result.num_images == 40 for result in results.values())

    similarity = ms_ssim.pair_similarities(fakes).mean()
    assert results["msssim"].values == {"MS-SSIM": pytest.approx(similarity)}
    a, b = Network().features(reals), Network().features(fakes)
    distance = fid.frechet_distance(fid.statistics(a), fid.statistics(b))
    assert results["fid"].value == pytest.approx(distance)
    score = inception_score.inception_score(
        inception_score.class_probabilities(Network().logits(b))
    )
    assert tuple(results["is"].values.values()) == pytest.approx(score)
    assert results["kid"].value == pytest.approx(kid.subset_distances(a, b, 3).mean() * 1e3)
    sets = []
    for stream, images in ((0, reals), (1 << 20, fakes)):
        descriptors = swd.DescriptorSet(40, 32, 3, (3, stream))
        descriptors.add(images)
        sets.append(descriptors.finish())
    assert results["swd"].values == pytest.approx(swd.distances(*sets, 3))
    assert results["swd"].value == results["swd"].values["SWDx1e3_avg"]


def test_one_pass_feeds_all_metrics_and_reals_are_read_once(tmp_path):
    reals, fakes = Images(noise(20, 32), key="a"), Images(noise(20, 32, seed=1))
    evaluator = Evaluator(["swd", "fid", "kid", "msssim"], Cache(tmp_path), load_inception=Network)
    first = evaluator.measure(fakes, reals)
    assert (reals.passes, fakes.passes) == (1, 1)
    evaluator.measure(fakes, reals)
    assert (reals.passes, fakes.passes) == (1, 2)
    other = Evaluator(["swd", "fid", "kid", "msssim"], Cache(tmp_path), load_inception=Network)
    again = other.measure(fakes, reals)
    assert reals.passes == 1  # from the cache
    assert [r.values for r in again] == [r.values for r in first]


@pytest.mark.parametrize("change", ["seed", "count", "data", "weights"])
def test_cached_reals_are_for_their_own_settings(tmp_path, change):
    images = noise(20)
    network = Network()
    Evaluator(["swd", "fid"], Cache(tmp_path), 18, load_inception=lambda: network).measure(
        Images(images), Images(images, key="a")
    )
    reals = Images(images, key="b" if change == "data" else "a")
    network.weights_hash = "other" if change == "weights" else network.weights_hash
    count, seed = 16 if change == "count" else 18, 1 if change == "seed" else 0
    Evaluator(["swd", "fid"], Cache(tmp_path), count, seed, lambda: network).measure(
        Images(images), reals
    )
    assert reals.passes == 1


def test_a_metric_that_fails_leaves_the_others_alone(tmp_path):
    class Broken(Network):
        def features(self, images):
            raise RuntimeError("out of\nmemory")

    for network, words in (
        (no_weights, "no weights here"),
        (Broken, "RuntimeError: out of memory"),
    ):
        evaluator = Evaluator(["fid", "swd", "is"], Cache(tmp_path / words[:2]), 20, 0, network)
        results = by_name(evaluator.measure(Images(noise(20)), Images(noise(20, seed=1))))
        assert results["fid"].error == results["is"].error == words
        assert results["swd"].values and not results["swd"].error


def test_what_failed_once_is_tried_anew(tmp_path):
    class Weak(Images):
        fails = True

        def blocks(self, count):
            if self.fails:
                self.fails = False
                yield self._images[:3, :, :5]  # of no use to any collector
            yield from super().blocks(count)

    answers = [None, Network()]

    def load():  # once in each measurement
        network = answers.pop(0)
        return network or no_weights()

    evaluator = Evaluator(["swd", "fid", "kid"], Cache(tmp_path), 20, load_inception=load)
    reals = Weak(noise(20), key="a")
    first = by_name(evaluator.measure(Images(noise(20, seed=1)), reals))
    assert first["fid"].error and first["swd"].error and len(answers) == 1
    second = by_name(evaluator.measure(Images(noise(20, seed=1)), reals))
    assert second["fid"].values and second["swd"].values


def test_what_images_are_too_few_or_unfit_for_is_said(tmp_path):
    evaluator = Evaluator(["msssim", "is", "fid"], Cache(tmp_path), load_inception=Network)
    results = by_name(evaluator.measure(Images(noise(9)), Images(noise(9))))
    assert "9 images are an odd number; take 8" in results["msssim"].error
    assert results["is"].error == "9 image(s) are too few; at least 10 are needed"
    assert results["fid"].values
    results = by_name(evaluator.measure(Images(noise(1)), Images(noise(1))))
    assert results["fid"].error == "1 image(s) are too few; at least 2 are needed"
    (result,) = Evaluator(["fid"], Cache(tmp_path), load_inception=Network).measure(
        fakes := Images(noise(9)), reals := Images(noise(1), "reals")
    )
    assert result.error == "1 real image(s) are too few; at least 2 are needed"
    assert fakes.passes == reals.passes == 0
    odd = np.zeros((4, 12, 12, 3), np.uint8)
    results = Evaluator(["swd", "msssim"], Cache(tmp_path)).measure(Images(odd), Images(odd))
    assert all("these are 12x12" in result.error for result in results)
    with pytest.raises(UserError, match="has 9 images, fewer than the 10 asked for"):
        Evaluator(["swd"], Cache(tmp_path), 10).measure(Images(noise(9)), Images(noise(9)))
    (result,) = Evaluator(["swd"], Cache(tmp_path)).measure(Images(noise(4)), None)
    assert "no reals" in result.error
    (result,) = Evaluator(["swd"], Cache(tmp_path)).measure(
        Images(noise(4, 32)), Images(noise(4, 16))
    )
    assert "16x16 and 32x32" in result.error


def test_folders_of_unequal_numbers(tmp_path):
    evaluator = Evaluator(["swd", "fid"], Cache(tmp_path), load_inception=Network)
    results = by_name(evaluator.measure(Images(noise(12)), Images(noise(30, seed=1))))
    assert (results["swd"].num_images, results["fid"].num_images) == (12, 12)
    assert (results["swd"].num_reals, results["fid"].num_reals) == (12, 30)
    assert results["swd"].weights == {}
    assert results["fid"].weights == {"inception_sha256": "stand-in"}
    a, b = (fid.statistics(Network().features(x)) for x in (noise(30, seed=1), noise(12)))
    assert results["fid"].value == pytest.approx(fid.frechet_distance(a, b))


def test_unknown_metrics_are_refused(tmp_path):
    with pytest.raises(UserError, match="did you mean 'swd'"):
        Evaluator(["sdw"], Cache(tmp_path))
    with pytest.raises(UserError, match="no metric given"):
        Evaluator([], Cache(tmp_path))


def test_which_values_are_better_high():
    assert higher_is_better("IS_mean") and higher_is_better("Modes_mean")
    assert not any(map(higher_is_better, ("FID", "SWDx1e3_avg", "SWDx1e3_1024", "ModesKL_mean")))
    with pytest.raises(UserError, match="did you mean 'SWDx1e3_avg'"):
        higher_is_better("SWDx1e3_average")
