"""Both engines give the same bytes, and neither loses or repeats a batch when something is killed."""

import hashlib
import os
import pickle
import signal
import subprocess
import sys
import textwrap
import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import psutil
import pyarrow.parquet as pq
import pytest
import torch
import yaml
from tests.helpers import textured_photo

from falseflaw.cli.main import main
from falseflaw.damage.engine import DamageEngine
from falseflaw.damage.prompts import all_prompts
from falseflaw.dataset.manifest import read_manifest
from falseflaw.errors import ConfigurationError, InvalidDataError, MissingExtraError, UnreadableImageError
from falseflaw.imaging.camera import CameraSampler
from falseflaw.inpainting.inpainter import Samples
from falseflaw.machine import StageTimer
from falseflaw.paths import config_dir
from falseflaw.photos.source import Photo
from falseflaw.photos.studio.source import StudioPhotos
from falseflaw.seeding import derive_rng
from falseflaw.synthesis import build as build_module
from falseflaw.synthesis.build import synthesize
from falseflaw.synthesis.engines import ray as ray_engine
from falseflaw.synthesis.engines.local import LocalEngine
from falseflaw.synthesis.engines.ray import RayEngine, room_for
from falseflaw.synthesis.networks import Writers
from falseflaw.synthesis.plan import Networks, SynthesisSettings
from falseflaw.types import MATCHED, Fold

pytest.importorskip("ray")
ROOT = Path(__file__).parents[3]
SIZE = (144, 176)
FOLDS = (Fold.TRAIN, Fold.VAL, Fold.TEST)
COUNT = 10  # in batches of 2


@dataclass(frozen=True)
class Photos:
    """Textured photos; loading writes a line to `log`, and one of them may be deadly."""

    log: Path
    deadly: str = ""
    lives: int = 0
    seconds: float = 0.0
    name: str = "fake"

    def photos(self):
        return [Photo(f"fake/{i:03d}", f"person-{i}", "shirt") for i in range(COUNT)]

    def load(self, photo):
        with self.log.open("a") as stream:
            stream.write(f"{photo.photo_id} {os.getpid()}\n")
        time.sleep(self.seconds)
        if photo.photo_id == self.deadly and self.log.read_text().count(self.deadly) <= self.lives:
            os.kill(os.getpid(), signal.SIGKILL)
        if photo.photo_id == "fake/003":
            raise UnreadableImageError("cannot read fake/003: truncated")
        return textured_photo(derive_rng("fake", photo.photo_id), *SIZE)

    def product_mask(self, photo):
        mask = np.zeros(SIZE, bool)
        mask[12:-12, 16:-16] = True
        return mask


class Network:
    """A convolution, as inpainter and as the autoencoder of its regenerated photos."""

    name, grid, factor, steps, guidance = "conv", 16, 4, 7, 2.5
    rewrites_all = True

    def __init__(self, error=None):
        generator = torch.Generator().manual_seed(0)
        self.weights = (
            torch.randn(32, 3, 3, 3, generator=generator),
            torch.randn(3, 32, 3, 3, generator=generator),
        )
        self.error = error

    def sample(self, crops, masks, prompts, seeds):
        if self.error:
            raise self.error
        noise = np.stack([np.random.default_rng(seed).integers(0, 64, crops.shape[1:]) for seed in seeds])
        images = np.stack([self.code(crop // 2 + extra) for crop, extra in zip(crops, noise, strict=True)])
        return Samples(images, images)

    def code(self, photo):
        with torch.no_grad():
            pixels = torch.from_numpy(photo / 255).float().permute(2, 0, 1)[None]
            hidden = torch.nn.functional.conv2d(pixels, self.weights[0], padding=1).tanh()
            result = torch.nn.functional.conv2d(hidden, self.weights[1], padding=1).sigmoid()
        return (result[0].permute(1, 2, 0) * 255).byte().numpy()

    def regenerate(self, photo, sample_latent, box, mask):
        whole = self.code(photo)
        whole[box.slices][mask[box.slices]] = sample_latent[mask[box.slices]]
        return whole

    def round_trip(self, photo):
        return self.code(photo)


@dataclass
class Family:
    """The same convolution as a family of autoencoders."""

    network: Network
    names, reserved = ("code",), frozenset()

    def round_trip(self, name, photo, seed):
        return self.network.code(photo)


def writers(error=None):
    network = Network(error)
    return Writers({"conv": network}, Family(network))


def masker(image):
    raise AssertionError("the photos know their product")


def engine_of(name, **options):
    return LocalEngine(threads=1) if name == "local" else RayEngine(actors=2, threads=1, **options)


def build(output, log, engine="local", error=None, options=(), **photos):
    source = Photos(Path(log), **photos)
    camera = yaml.safe_load((config_dir() / "camera" / "default.yaml").read_text())
    return synthesize(
        source,
        {photo.photo_id: FOLDS[i % 3] for i, photo in enumerate(source.photos())},
        CameraSampler(**{key: value for key, value in camera.items() if not key.startswith("_")}),
        DamageEngine(area_min=0.004, area_max=0.03, strength_min=0.5, strength_max=1.0, max_extent=40),
        masker,
        Networks(("conv",), ("code",)),
        partial(writers, error),
        SynthesisSettings(batch_size=2, crop_sizes=(32, 48, 64, 80, 96), crop_margin=4),
        Path(output),
        engine=engine_of(engine, **dict(options)),
        progress=False,
    )


def digests(folder):
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def wait_for_the_end(pids):
    """Waits until none of these processes runs: actors of a killed build end by themselves, later."""
    deadline = time.monotonic() + 60
    while any(runs(pid) for pid in pids):
        assert time.monotonic() < deadline, "actors outlive their build"
        time.sleep(0.02)


def runs(pid):
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def loaded(log):
    return [line.split()[0] for line in log.read_text().splitlines()]


@pytest.fixture(scope="module")
def expected(tmp_path_factory):
    folder = tmp_path_factory.mktemp("local")
    report = build(folder / "dataset", folder / "log")
    assert len(report.skipped) == 1
    assert report.built == COUNT - 1
    return digests(folder / "dataset")


@pytest.fixture(scope="module", autouse=True)
def cluster():
    """One for all tests that run in this process."""
    import ray

    ray.init(
        address="local",
        num_cpus=2,
        include_dashboard=False,
        log_to_driver=False,
        object_store_memory=100 << 20,
    )
    yield
    ray.shutdown()


@pytest.mark.slow
def test_ray_gives_the_bytes_of_the_local_engine(tmp_path, expected):
    report = build(tmp_path / "d", tmp_path / "log", "ray", seconds=0.5)
    assert digests(tmp_path / "d") == expected
    assert report.built == COUNT - 1
    assert [entry.source_id for entry in report.skipped] == ["fake/003"]
    assert sorted(loaded(tmp_path / "log")) == sorted(photo.photo_id for photo in Photos(Path()).photos())
    workers = {line.split()[1] for line in (tmp_path / "log").read_text().splitlines()}
    assert len(workers) == 2
    assert str(os.getpid()) not in workers
    assert {"load", "paint", "camera", "sample", "regenerate", "autoencode", "save"} <= set(report.seconds)
    assert all(value > 0 for value in report.seconds.values())


@pytest.mark.slow
def test_an_actor_that_is_killed_costs_nothing_but_time(tmp_path, expected):
    build(tmp_path / "d", tmp_path / "log", "ray", deadly="fake/005", lives=2)
    assert digests(tmp_path / "d") == expected
    assert loaded(tmp_path / "log").count("fake/005") == 3


@pytest.mark.slow
def test_a_batch_that_kills_every_actor_ends_the_build_by_name(tmp_path, expected):
    with pytest.raises(InvalidDataError, match=r"^batch 2 \(fake/004, fake/005\) ended its actor 3 times"):
        build(tmp_path / "d", tmp_path / "log", "ray", deadly="fake/005", lives=100)
    build(tmp_path / "d", tmp_path / "log")  # the other engine goes on
    assert digests(tmp_path / "d") == expected


@pytest.mark.slow
@pytest.mark.parametrize("error", [ConfigurationError("expected a, got b"), ValueError("a bug")])
def test_errors_of_an_actor_come_out_as_they_were_raised(tmp_path, error):
    with pytest.raises(type(error), match=f"^{error}$"):
        build(tmp_path / "d", tmp_path / "log", "ray", error)


@pytest.mark.slow
def test_an_actor_must_see_the_folder_of_the_build(tmp_path, monkeypatch):
    """As on a machine of a cluster that has another disk."""

    class Moved(RayEngine):
        def run(self, batches, load):
            (tmp_path / "d" / "config.yaml").rename(tmp_path / "elsewhere.yaml")
            yield from super().run(batches, load)

    monkeypatch.setattr(sys.modules[__name__], "RayEngine", Moved)
    with pytest.raises(ConfigurationError, match="put the dataset on storage that every machine sees"):
        build(tmp_path / "d", tmp_path / "log", "ray")


@pytest.mark.slow
@pytest.mark.parametrize(("first", "second"), [("local", "ray"), ("ray", "local")])
def test_a_build_that_is_killed_goes_on_with_either_engine(tmp_path, expected, first, second):
    output, log = tmp_path / "d", tmp_path / "log"
    code = f"""
        from tests.synthesis.engines.test_ray import build
        build({str(output)!r}, {str(log)!r}, {first!r}, seconds=0.4)
    """
    process = subprocess.Popen([sys.executable, "-c", textwrap.dedent(code)], cwd=ROOT)
    deadline = time.monotonic() + 240
    while len(list(output.glob("parts/*.parquet"))) < 2:
        assert process.poll() is None, "ended too early"
        assert time.monotonic() < deadline
        time.sleep(0.02)
    process.kill()
    process.wait()
    done = {
        row["source_id"] for path in output.glob("parts/*.parquet") for row in pq.read_table(path).to_pylist()
    }
    wait_for_the_end({int(line.split()[1]) for line in log.read_text().splitlines()})
    before = len(loaded(log))
    report = build(output, log, second)
    again = loaded(log)[before:]
    assert digests(output) == expected
    assert done
    assert not done & set(again)
    assert len(again) == len(set(again))
    assert report.built < COUNT - 1
    assert len(read_manifest(output)) == len(MATCHED) * (COUNT - 1)


@pytest.mark.slow
@pytest.mark.parametrize("engine", ["local", "ray"])
def test_an_interrupted_build_goes_on(tmp_path, expected, engine):
    output, log = tmp_path / "d", tmp_path / "log"
    code = f"""
        import signal
        from tests.synthesis.engines.test_ray import build
        signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs ignore it
        try:
            build({str(output)!r}, {str(log)!r}, {engine!r}, seconds=0.4)
        except KeyboardInterrupt:
            print("interrupted")
    """
    process = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code)],
        cwd=ROOT,
        start_new_session=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    deadline = time.monotonic() + 240
    while not list(output.glob("parts/*.parquet")):
        assert process.poll() is None, "ended too early"
        assert time.monotonic() < deadline
        time.sleep(0.02)
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does
    assert process.communicate(timeout=120)[0].splitlines()[-1] == "interrupted"  # behind skipped sources
    build(output, log, engine)
    assert digests(output) == expected


def test_room_is_counted_machine_by_machine():
    nodes = [{"CPU": 4.0, "GPU": 1.0}, {"CPU": 3.0}, {"CPU": 16.0, "GPU": 2.0}]
    assert room_for(nodes, 2, 0) == 2 + 1 + 8
    assert room_for(nodes, 2, 1) == 1 + 0 + 2
    assert room_for(nodes, 1, 0.5) == 2 + 0 + 4
    assert room_for(nodes, 32, 0) == 0
    assert room_for(nodes, 0, 0) == 3


def test_what_the_cluster_lacks_is_said(tmp_path):
    with pytest.raises(ConfigurationError, match=r"expected a machine with 64 cores and 0 GPUs"):
        build(tmp_path / "d", tmp_path / "log", "ray", options={"cpus_per_actor": 64})


@pytest.mark.parametrize("options", [{"actors": 0}, {"threads": 0}, {"attempts": 1}, {"cpus_per_actor": -1}])
def test_options_are_checked(options):
    with pytest.raises(ConfigurationError, match=f"expected engine.{next(iter(options))} >= "):
        RayEngine(**options)


def test_an_actor_must_run_the_code_of_the_build(tmp_path, monkeypatch):
    versions = iter(["here", "there"])
    monkeypatch.setattr(build_module, "code_digest", lambda entries: next(versions))
    with pytest.raises(ConfigurationError, match="expected the same code of falseflaw on every machine"):
        build(tmp_path / "d", tmp_path / "log")


def test_without_ray_the_extra_is_named(monkeypatch):
    monkeypatch.setattr(ray_engine.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match=r"pip install 'falseflaw\[ray\]'"):
        RayEngine()


@pytest.mark.parametrize("address", ["auto", "127.0.0.1:1"])
def test_a_cluster_that_is_not_there_is_named(tmp_path, monkeypatch, address):
    def init(**options):
        raise ConnectionError("Could not find any running Ray instance.")

    monkeypatch.setattr("ray.is_initialized", lambda: False)
    monkeypatch.setattr("ray.init", init)
    with pytest.raises(
        ConfigurationError, match=f"expected a Ray cluster at engine.address={address}, found"
    ):
        build(tmp_path / "d", tmp_path / "log", "ray", options={"address": address})


@pytest.mark.slow
def test_a_machine_that_dies_costs_nothing_but_time(tmp_path, expected):
    """Two machines, as Ray sees them; one of them is gone in the middle."""
    output, log = tmp_path / "d", tmp_path / "log"
    code = f"""
        import threading, time
        from pathlib import Path
        from ray.cluster_utils import Cluster
        from tests.synthesis.engines.test_ray import build

        cluster = Cluster()
        cluster.add_node(num_cpus=1, include_dashboard=False, object_store_memory=80 << 20)
        other = cluster.add_node(num_cpus=1, object_store_memory=80 << 20)

        def unplug():
            log = Path({str(log)!r})
            while not log.exists() or len(set(line.split()[1] for line in log.read_text().splitlines())) < 2:
                time.sleep(0.05)
            cluster.remove_node(other, allow_graceful=False)
            print("unplugged", flush=True)

        thread = threading.Thread(target=unplug, daemon=True)
        thread.start()
        options = {{"address": cluster.address}}
        report = build({str(output)!r}, {str(log)!r}, "ray", seconds=1.0, options=options)
        thread.join(60)
        print(report.built)
        cluster.shutdown()
    """
    result = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr
    assert "unplugged" in result.stdout
    assert result.stdout.split()[-1] == str(COUNT - 1)
    assert digests(output) == expected


@pytest.mark.slow
def test_the_verb_takes_either_engine(tmp_path, capsys):
    from tests.inpainting.tiny import TINY  # every actor imports this file, and diffusers take ten seconds

    from falseflaw.inpainting.latent.networks import build_pipeline

    torch.manual_seed(0)
    build_pipeline(TINY, all_prompts()).save_pretrained(tmp_path / "inpainter")
    for name in ("local", "ray"):
        arguments = (
            *(
                "photos.count=12",
                "photos.width=128",
                "photos.height=160",
                "synthesis=tiny",
                "limit_sources=5",
            ),
            *(f"inpainter.path={tmp_path / 'inpainter'}", "inpainter.steps=2", f"cache={tmp_path / 'cache'}"),
            *("autoencoders.members=[tiny8]", "progress=false", f"output={tmp_path / name}"),
            *(f"engine={name}", "engine.threads=1"),
        )
        assert main(["synthesize", *arguments]) == 0, capsys.readouterr().err
    assert f"{5 * len(MATCHED)} images of 5 sources" in capsys.readouterr().out
    assert digests(tmp_path / "local") == digests(tmp_path / "ray")


def test_seconds_travel_with_the_parts_alone():
    timer = StageTimer()
    with timer("paint"):
        pass
    copy = pickle.loads(pickle.dumps(timer))
    assert copy.take() == {}
    assert set(timer.take()) == {"paint"}
    assert timer.take() == {}


def test_rendered_photos_can_be_sent():
    source = StudioPhotos(count=3, width=64, height=80)
    photo = source.photos()[1]
    image = source.load(photo)
    assert np.array_equal(pickle.loads(pickle.dumps(source)).load(photo), image)
