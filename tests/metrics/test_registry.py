"""A metric written in one new file works like the others."""

import numpy as np
import pytest

import metrics
from metrics import metric as metric_module
from metrics import registry, run
from metrics.collector import Collector
from metrics.metric import Metric, register


class Levels(Collector):
    """Collects {"means": mean level of each image}, for images of any sizes."""

    name = "levels"

    def __init__(self, count, shape, tools, stream):
        self._means = []

    def add(self, images):
        self._means += [image.mean() for image in images]

    def finish(self):
        return {"means": np.array(self._means)}


def compute(reals, fakes, tools):
    return {"Light": float(fakes["means"].mean() - reals["means"].mean())}


@pytest.fixture
def light(monkeypatch):
    """A new metric, registered until the test ends."""
    monkeypatch.setattr(metric_module, "METRICS", registry.METRICS)
    metric = register(
        Metric(
            "light", Levels, 100, 1, True, lambda resolution: ["Light"], "Light", compute,
            higher_is_better=("Light",), summary="brightness",
        )
    )  # fmt: skip
    yield metric
    del registry.METRICS["light"]


def test_a_new_metric_is_measured_listed_and_ranked(light, tmp_path, capsys):
    dark, bright = (np.full((5, 8, 12, 3), level, np.uint8) for level in (10, 30))
    assert metrics.measure(bright, "light", dark, cache=tmp_path) == {"Light": 20.0}
    assert registry.higher_is_better("Light") and registry.columns_of(["light"], 8) == ["Light"]
    assert run.main(["--list"]) == 0
    assert "light     brightness; 100 images; Light\n" in capsys.readouterr().out


def test_a_second_metric_of_the_same_name_is_refused(light):
    with pytest.raises(ValueError, match="two metrics named 'light'"):
        register(Metric("light", Levels, 1, 1, False, lambda resolution: [], "", compute))
    assert register(light) is light
