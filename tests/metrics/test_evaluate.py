import numpy as np
import pytest

from metrics import fid, inception_score, kid, ms_ssim, swd
from metrics.cache import Cache
from metrics.evaluate import Evaluator
from metrics.registry import higher_is_better
from metrics.streams import ArrayImages, halves
from metrics.tools import Tools
from pgan_tf.errors import UserError


class Images:
    """A stream of given images that counts its passes."""

    def __init__(self, images, name="images", key=None, endless=False):
        self.name, self.sizes = name, [images.shape[1:3]]
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
    """Stands in for Inception: the features are the image's 4x4 block means."""

    weights_hash = "stand-in"
    num_features = 48

    def features(self, images):
        n = len(images)
        means = images.reshape(n, 4, -1, 4, images.shape[2] // 4, 3).mean(axis=(2, 4))
        return (means.reshape(n, -1) / 255).astype(np.float32)

    def logits(self, features):
        return features[:, :10] * 100


def make_evaluator(metrics, cache, num_images=None, seed=0, load=Network):
    networks = {"inception": load} if load else {}
    return Evaluator(metrics, Tools(Cache(cache), seed, networks), num_images)


def by_name(results):
    return {result.metric.name: result for result in results}


def no_weights():
    raise UserError("no weights here")


def test_values_equal_those_of_the_plain_functions(tmp_path):
    reals, fakes = noise(40, 32), noise(40, 32, seed=1, contrast=0.8)
    evaluator = make_evaluator(["swd", "msssim", "fid", "is", "kid"], tmp_path, seed=3)
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
    evaluator = make_evaluator(["swd", "fid", "kid", "msssim"], tmp_path)
    first = evaluator.measure(fakes, reals)
    assert (reals.passes, fakes.passes) == (1, 1)
    evaluator.measure(fakes, reals)
    assert (reals.passes, fakes.passes) == (1, 2)
    other = make_evaluator(["swd", "fid", "kid", "msssim"], tmp_path)
    again = other.measure(fakes, reals)
    assert reals.passes == 1  # from the cache
    assert [r.values for r in again] == [r.values for r in first]


@pytest.mark.parametrize("change", ["seed", "count", "data", "weights"])
def test_cached_reals_are_used_only_for_the_same_settings(tmp_path, change):
    images = noise(20)
    network = Network()
    make_evaluator(["swd", "fid"], tmp_path, 18, load=lambda: network).measure(
        Images(images), Images(images, key="a")
    )
    reals = Images(images, key="b" if change == "data" else "a")
    network.weights_hash = "other" if change == "weights" else network.weights_hash
    count, seed = 16 if change == "count" else 18, 1 if change == "seed" else 0
    make_evaluator(["swd", "fid"], tmp_path, count, seed, lambda: network).measure(
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
        evaluator = make_evaluator(["fid", "swd", "is"], tmp_path / words[:2], 20, 0, network)
        results = by_name(evaluator.measure(Images(noise(20)), Images(noise(20, seed=1))))
        assert results["fid"].error == results["is"].error == words
        assert results["swd"].values and not results["swd"].error


def test_a_failed_collection_is_tried_again(tmp_path):
    class Weak(Images):
        fails = True

        def blocks(self, count):
            if self.fails:
                self.fails = False
                yield self._images[:3, :, :5]  # every collector refuses them
            yield from super().blocks(count)

    answers = [None, Network()]

    def load():  # is called once in each measurement
        network = answers.pop(0)
        return network or no_weights()

    evaluator = make_evaluator(["swd", "fid", "kid"], tmp_path, 20, load=load)
    reals = Weak(noise(20), key="a")
    first = by_name(evaluator.measure(Images(noise(20, seed=1)), reals))
    assert first["fid"].error and first["swd"].error and len(answers) == 1
    second = by_name(evaluator.measure(Images(noise(20, seed=1)), reals))
    assert second["fid"].values and second["swd"].values


def test_too_few_or_unfit_images_are_reported_before_any_pass(tmp_path):
    evaluator = make_evaluator(["is", "fid"], tmp_path)
    results = by_name(evaluator.measure(Images(noise(9)), Images(noise(9))))
    assert results["is"].error == "9 image(s) are too few; at least 10 are needed"
    assert results["fid"].values
    results = by_name(evaluator.measure(Images(noise(1)), Images(noise(1))))
    assert results["fid"].error == "1 image(s) are too few; at least 2 are needed"
    (result,) = make_evaluator(["fid"], tmp_path).measure(
        fakes := Images(noise(9)), reals := Images(noise(1), "reals")
    )
    assert result.error == "1 real image(s) are too few; at least 2 are needed"
    assert fakes.passes == reals.passes == 0
    odd = Images(np.zeros((4, 12, 12, 3), np.uint8))
    results = make_evaluator(["swd", "msssim"], tmp_path).measure(odd, odd)
    assert all("these are 12x12" in result.error for result in results)
    with pytest.raises(UserError, match="has 9 images, fewer than the 10 asked for"):
        make_evaluator(["swd"], tmp_path, 10).measure(Images(noise(9)), Images(noise(9)))
    (result,) = make_evaluator(["swd"], tmp_path).measure(Images(noise(4)), None)
    assert "no reals" in result.error
    (result,) = make_evaluator(["swd"], tmp_path).measure(
        fakes := Images(noise(4, 32)), reals := Images(noise(4, 16))
    )
    assert "these are 32x32, the reals 16x16" in result.error
    assert odd.passes == fakes.passes == reals.passes == 0


def test_ms_ssim_leaves_out_the_last_of_an_odd_number(tmp_path):
    images = noise(9, 32)
    evaluator = make_evaluator(["msssim", "swd"], tmp_path)
    similar, distance = evaluator.measure(Images(images), Images(images))
    assert similar.values == {
        "MS-SSIM": pytest.approx(ms_ssim.pair_similarities(images[:8]).mean())
    }
    assert (similar.num_images, distance.num_images) == (8, 9)
    assert similar.notes == ("images are compared in pairs; of the 9 images the last is left out",)
    assert distance.notes == ()
    (plan, _) = evaluator.plan(Images(images[:8]), Images(images))
    assert plan.notes == ()


class Mixed(Images):
    """Images of two sizes."""

    def __init__(self, images):
        super().__init__(images[0][None])
        self._images, self.num_images = images, len(images)
        self.sizes = [(32, 32), (16, 24)]


class Means(Network):
    """The same for images of any sizes."""

    def features(self, images):
        return np.concatenate([super(Means, self).features(image[None]) for image in images])


def test_mixed_sizes_are_measured_only_by_metrics_that_resize(tmp_path):
    small = np.random.default_rng(5).integers(0, 256, (6, 16, 24, 3)).astype(np.uint8)
    mixed = [*noise(8, 32), *small]
    reals = noise(20, 16, seed=1)
    evaluator = make_evaluator(["swd", "msssim", "fid", "is", "kid"], tmp_path, load=Means)
    results = by_name(evaluator.measure(stream := Mixed(mixed), Images(reals)))
    for name in ("swd", "msssim"):
        assert results[name].error == (
            "images must be square and of one size, a power of two, 16x16 or more; these are 32x32"
            " and 24x16"
        )
    a, b = Means().features(mixed), Means().features(reals)
    distance = fid.frechet_distance(fid.statistics(a), fid.statistics(b))
    assert results["fid"].value == pytest.approx(distance)
    assert results["is"].values and results["kid"].values and stream.passes == 1
    results = by_name(evaluator.measure(Images(reals), Mixed(mixed)))
    assert "the reals are 32x32 and 24x16" in results["swd"].error
    assert results["msssim"].values and results["fid"].value == pytest.approx(distance)


def test_fid_warns_of_few_images(tmp_path):
    evaluator = make_evaluator(["fid", "kid"], tmp_path)
    for fakes, reals, said in ((2047, 5000, True), (5000, 2047, True), (2048, 2048, False)):
        (plan, other) = evaluator.plan(
            Images(np.zeros((fakes, 4, 4, 3), np.uint8)),
            Images(np.zeros((reals, 4, 4, 3), np.uint8)),
        )
        assert plan.num_images == fakes and plan.num_reals == reals and not other.notes
        assert bool(plan.notes) == said
    (plan, _) = evaluator.plan(Images(noise(30)), Images(noise(30)))
    assert "fewer than 2,048 different images" in plan.notes[0] and "too high" in plan.notes[0]


def test_halves_of_reals_reuse_the_features_of_the_whole(tmp_path):
    class Counting(Network):
        seen = 0

        def features(self, images):
            Counting.seen += len(images)
            return super().features(images)

    images = noise(21)
    reals = ArrayImages(images)
    evaluator = make_evaluator(["fid", "kid", "swd"], tmp_path, load=Counting)
    evaluator.measure(Images(noise(15, seed=1)), reals)
    assert Counting.seen == 15 + 21
    one, other = halves(reals, 0, 1, "halves")
    results = by_name(evaluator.measure(one, other, 1))
    assert Counting.seen == 15 + 21
    assert len(set(one.positions) | set(other.positions)) == 20
    a, b = (images[part.positions] for part in (one, other))
    gaussians = [fid.statistics(Network().features(x)) for x in (a, b)]
    assert results["fid"].value == pytest.approx(fid.frechet_distance(*gaussians))
    fresh = make_evaluator(["fid", "kid", "swd"], tmp_path).measure(Images(a), Images(b), 1)
    assert [r.values for r in results.values()] == [r.values for r in fresh]
    another, _ = halves(reals, 0, 2, "halves")
    assert not np.array_equal(another.positions, one.positions)


def test_unequal_numbers_of_reals_and_fakes_are_measured(tmp_path):
    evaluator = make_evaluator(["swd", "fid"], tmp_path)
    results = by_name(evaluator.measure(Images(noise(12)), Images(noise(30, seed=1))))
    assert (results["swd"].num_images, results["fid"].num_images) == (12, 12)
    assert (results["swd"].num_reals, results["fid"].num_reals) == (12, 30)
    assert results["swd"].weights == {}
    assert results["fid"].weights == {"inception_sha256": "stand-in"}
    a, b = (fid.statistics(Network().features(x)) for x in (noise(30, seed=1), noise(12)))
    assert results["fid"].value == pytest.approx(fid.frechet_distance(a, b))


def test_unknown_metrics_are_refused(tmp_path):
    with pytest.raises(UserError, match="did you mean 'swd'"):
        make_evaluator(["sdw"], tmp_path)
    with pytest.raises(UserError, match="no metric given"):
        make_evaluator([], tmp_path)


def test_higher_is_better_for_is_and_modes():
    assert higher_is_better("IS_mean") and higher_is_better("Modes_mean")
    assert not any(map(higher_is_better, ("FID", "SWDx1e3_avg", "SWDx1e3_1024", "ModesKL_mean")))
    with pytest.raises(UserError, match="did you mean 'SWDx1e3_avg'"):
        higher_is_better("SWDx1e3_average")
