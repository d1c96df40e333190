"""Pictures with label maps: every way in which they lie on disk, and all that can be wrong with them."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from pellucid.data.arranged import arranged
from pellucid.data.check import check
from pellucid.data.label_maps import Codes, coded, read_label_map, read_table
from pellucid.data.mask_sets import open_mask_set
from pellucid.data.opening import open_data, recognise
from pellucid.data.pair_files import fitted
from pellucid.data.pairs import division
from pellucid.data.regions import Regions, decompressed, read_coco
from pellucid.data.settings import DataSettings
from pellucid.types.data_info import VOID
from pellucid.types.errors import InputError


def picture(path: Path, seed: int = 0, size: tuple[int, int] = (12, 16)) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    coarse = np.random.default_rng(seed).integers(0, 256, (4, 4, 3), dtype=np.uint8)
    Image.fromarray(coarse).resize(size[::-1], Image.Resampling.BICUBIC).save(path)


def labels(
    path: Path, seed: int = 0, size: tuple[int, int] = (12, 16), values: tuple[int, ...] = (0, 1, 2)
) -> np.ndarray:
    path.parent.mkdir(parents=True, exist_ok=True)
    chosen = np.random.default_rng(seed).integers(0, len(values), (size[0] // 4, size[1] // 4))
    stored = np.array(values, np.uint8)[chosen].repeat(4, 0).repeat(4, 1)
    Image.fromarray(stored).save(path)
    return stored


LAYOUTS = {
    "folders with splits": ("images/{split}/{i}.png", "masks/{split}/{i}.png"),
    "splits with folders": ("{split}/image/{i}.png", "{split}/label/{i}.png"),
    "annot": ("{split}/{i}.png", "{split}annot/{i}.png"),
    "endings": ("{split}/images/{i}.png", "{split}/masks/{i}_mask.png"),
    "a folder around": ("set/images/{split}/{i}.png", "set/labels/{split}/{i}.png"),
}


@pytest.mark.parametrize("name", LAYOUTS)
def test_layouts(tmp_path, name):
    pattern, masks = LAYOUTS[name]
    stored = {}
    for split in ("train", "test"):
        for i in range(3):
            seed = i + 10 * (split == "test")
            picture(tmp_path / pattern.format(split=split, i=i), seed)
            stored[split, i] = labels(tmp_path / masks.format(split=split, i=i), seed)
    data = open_data(DataSettings(path=tmp_path))
    assert data.info.label_maps
    assert data.info.classes == ("0", "1", "2")
    assert data.info.shape == (3, 12, 16)
    assert data.info.preprocessing.size is None
    assert {split: len(source) for split, source in data.splits.items()} == {"train": 3, "test": 3}
    batch = data.splits["test"].fetch(torch.tensor([2, 0]))
    np.testing.assert_array_equal(batch.targets, np.stack([stored["test", 2], stored["test", 0]]))
    counts = np.bincount(np.concatenate([stored["train", i].ravel() for i in range(3)]), minlength=3)
    assert data.info.class_counts == tuple(counts.tolist())


def test_without_splits_some_are_held_back(tmp_path):
    for i in range(10):
        picture(tmp_path / f"images/{i}.png", i)
        labels(tmp_path / f"masks/{i}.png", i)
    counts = open_data(DataSettings(path=tmp_path)).info.counts
    assert counts == {"train": 8, "test": 2}
    assert open_data(DataSettings(path=tmp_path, folds=5)).info.counts == {"train": 8, "test": 2}


def test_grey_palette_and_coloured_masks_with_a_table(tmp_path):
    table = tmp_path / "classes.csv"
    table.write_text("name,red,green,blue\nroad,128,64,128\nvoid,0,0,0\ncar,0,0,255\n")
    codes = read_table(table)
    assert codes.classes == ("road", "car")
    stored = np.zeros((2, 3, 3), np.uint8)
    stored[0, 0], stored[1, 2] = (128, 64, 128), (0, 0, 255)
    Image.fromarray(stored).save(tmp_path / "m.png")
    np.testing.assert_array_equal(
        read_label_map(tmp_path / "m.png", codes), [[0, VOID, VOID], [VOID, VOID, 1]]
    )
    table.write_text("name;value\nroad;7\nunlabelled;0\ncar;26\n")
    palette = Image.fromarray(np.array([[7, 26, 0, 255]], np.uint8))
    palette.putpalette(list(range(255, -1, -1)) * 3)
    palette.save(tmp_path / "p.png")
    with Image.open(tmp_path / "p.png") as opened:
        assert opened.mode == "P"
    np.testing.assert_array_equal(read_label_map(tmp_path / "p.png", read_table(table)), [[0, 1, VOID, VOID]])
    table.write_text("name,colour\nroad,#804080\ncar,#0000ff\n")
    assert read_table(table).values == {0x804080: 0, 0x0000FF: 1}


def test_a_list_of_pairs(tmp_path):
    for i in range(4):
        picture(tmp_path / f"a/{i}.png", i)
        labels(tmp_path / f"b/x{i}.png", i)
    rows = [f"a/{i}.png,b/x{i}.png,{'test' if i == 3 else 'train'}" for i in range(4)]
    (tmp_path / "set.csv").write_text("\n".join(["path,mask,split", *rows, "a/9.png,b/x9.png,train"]))
    info = open_data(DataSettings(path=tmp_path / "set.csv")).info
    assert info.counts == {"train": 3, "test": 1}
    assert [left.reason for left in info.left_out] == ["no such file: a/9.png"]


def test_voc(tmp_path):
    for i in range(4):
        picture(tmp_path / f"JPEGImages/2007_{i}.png", i)
        if i < 3:
            labels(tmp_path / f"SegmentationClass/2007_{i}.png", i, values=(0, 15, 255))
    lists = tmp_path / "ImageSets/Segmentation"
    lists.mkdir(parents=True)
    (lists / "train.txt").write_text("2007_0\n2007_1\n")
    (lists / "val.txt").write_text("2007_2\n")
    data = open_data(DataSettings(path=tmp_path))
    assert data.info.counts == {"train": 2, "test": 1}
    assert len(data.info.classes) == 21
    assert data.info.classes[15] == "person"
    assert set(data.splits["train"].fetch(torch.arange(2)).targets.unique().tolist()) <= {0, 15, VOID}


def test_coco(tmp_path):
    pytest.importorskip("pycocotools", reason="the reference for run-length codes")
    from pycocotools import mask as reference

    mask = np.zeros((12, 16), np.uint8, order="F")
    mask[2:9, 3:11] = 1
    code = reference.encode(mask)["counts"].decode()
    assert np.array_equal(Regions(12, 16, ((1, decompressed(code)),)).draw(), mask)


def coco(tmp_path: Path) -> Path:
    picture(tmp_path / "train2017/1.png")
    square = [2.0, 2.0, 10.0, 2.0, 10.0, 8.0, 2.0, 8.0]
    said = {
        "images": [{"id": 1, "file_name": "1.png", "height": 12, "width": 16}],
        "categories": [{"id": 9, "name": "cat"}, {"id": 3, "name": "dog"}],
        "annotations": [
            {"image_id": 1, "category_id": 9, "area": 4, "segmentation": [[4, 4, 6, 4, 6, 6, 4, 6]]},
            {"image_id": 1, "category_id": 3, "area": 48, "segmentation": [square]},
            {
                "image_id": 1,
                "category_id": 3,
                "area": 12,
                "iscrowd": 1,
                "segmentation": {"size": [12, 16], "counts": [0, 12, 180]},
            },
        ],
    }
    path = tmp_path / "annotations" / "instances_train2017.json"
    path.parent.mkdir()
    path.write_text(json.dumps(said))
    return path


def test_coco_polygons_runs_and_crowds(tmp_path):
    found = read_coco(coco(tmp_path))
    assert found.classes == ("background", "dog", "cat")
    ((name, regions),) = found.pictures
    drawn = regions.draw()
    assert name == "1.png"
    assert (drawn[:, 0] == VOID).all()
    assert (drawn[2:8, 2:4] == 1).all()
    assert drawn[4:6, 4:6].tolist() == [[2, 2], [2, 2]]  # the small one on top
    assert (drawn[10:, 1:] == 0).all()
    (tmp_path / "x.json").write_text("[]")
    with pytest.raises(InputError, match="not COCO's"):
        read_coco(tmp_path / "x.json")
    with pytest.raises(InputError, match="covers 3 pixels"):
        Regions(12, 16, ((1, (1, 2)),)).draw()


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"category_id": 7}, "an object in 1.png is of category 7, which is not listed"),
        ({"segmentation": [[4, 4, 6, 4, 6]]}, "a polygon has an odd number of coordinates"),
        ({"area": None}, "not COCO's instances"),
    ],
)
def test_objects_of_coco_that_say_nonsense_are_told(tmp_path, wrong, said):
    path = coco(tmp_path)
    content = json.loads(path.read_text())
    content["annotations"][0] |= wrong
    path.write_text(json.dumps(content))
    with pytest.raises(InputError, match=said):
        check(tmp_path)


def test_a_label_means_one_class(tmp_path):
    table = tmp_path / "classes.csv"
    table.write_text("name,value\ngrass,0\nsheep,1\nvoid,2\nignore,2\n")
    assert read_table(table).values == {0: 0, 1: 1, 2: VOID, VOID: VOID}
    table.write_text("name,value\ngrass,0\nsheep,1\ncow,1\n")
    with pytest.raises(InputError, match="line 4 has 1 for 'cow', which is 'sheep' already"):
        read_table(table)


def test_real_masks_of_coco(shared_data):
    """Polygons rasterised cover what COCO's own count says, nearly."""
    (path, *_) = sorted(shared_data.glob("coco_eval_100/**/*instances*.json")) or [None]
    if path is None:
        pytest.skip("no instances file in coco_eval_100")
    said = json.loads(path.read_text())
    shape = {image["id"]: (image["height"], image["width"]) for image in said["images"]}
    for annotation in [each for each in said["annotations"] if not each["iscrowd"] and each["area"] > 5000][
        :40
    ]:
        polygons = tuple(map(tuple, annotation["segmentation"]))
        drawn = Regions(*shape[annotation["image_id"]], ((1, polygons),)).draw()
        assert drawn.sum() == pytest.approx(annotation["area"], rel=0.03)


def test_camvid_and_membranes_are_recognised(shared_data):
    found = recognise(shared_data / "camvid")
    assert found.codes.classes[0] == "sky"
    assert len(found.codes.classes) == 11
    assert found.codes.values[11] == VOID
    assert {split: len(pairs) for split, pairs in division(found, DataSettings()).items()} == {
        "train": 62,
        "val": 13,
        "test": 39,
    }
    found = recognise(shared_data / "isbi2012_membrane")
    assert found.codes.classes == ("membrane", "interior")
    divided = division(found, DataSettings(folds=6))
    assert {split: len(pairs) for split, pairs in divided.items()} == {"train": 25, "test": 5}


def broken(tmp_path: Path) -> Path:
    for split in ("train", "test"):
        for i in range(3):
            picture(tmp_path / f"{split}/images/{i}.png", i + 10 * (split == "test"))
            labels(tmp_path / f"{split}/masks/{i}.png", i)
    (tmp_path / "classes.txt").write_text("grass\nsheep\nsky\n")
    folder = tmp_path / "train"
    for name in ("unknown", "smaller", "empty", "lonely", "torn"):
        picture(folder / f"images/{name}.png", len(name))
    labels(folder / "masks/unknown.png", values=(0, 7))
    labels(folder / "masks/smaller.png", size=(8, 16))
    labels(folder / "masks/empty.png", values=(255,))
    labels(folder / "masks/alone.png")
    (folder / "masks/torn.png").write_bytes((folder / "masks/0.png").read_bytes()[:55])
    return tmp_path


def test_what_is_wrong_is_told_and_left_out(tmp_path):
    report = check(broken(tmp_path))
    reasons = {left.path.rpartition("/")[2]: left.reason for left in report.unreadable}
    assert "unknown label 7 (first in row" in reasons["unknown.png"]
    assert reasons["smaller.png"] == "its label map is 8 × 16, the picture 12 × 16"
    assert "all are void" in reasons["empty.png"]
    assert reasons["lonely.png"].startswith("no label map")
    assert reasons["alone.png"].startswith("no picture")
    assert reasons["torn.png"] in ("the file is cut short", "the file is damaged")
    assert report.broken
    assert report.kind == "pictures with label maps"
    assert report.pixels["train"].keys() == {"grass", "sheep", "sky", ""}
    assert sum(report.pixels["train"].values()) == 3 * 12 * 16
    data = open_data(DataSettings(path=tmp_path))
    assert data.info.classes == ("grass", "sheep", "sky")
    assert data.info.counts == {"train": 3, "test": 3}
    assert {left.path.rpartition("/")[2] for left in data.info.left_out} == reasons.keys()


def test_jpeg_and_coloured_masks_without_a_table_are_refused(tmp_path):
    for i in range(2):
        picture(tmp_path / f"images/{i}.png", i)
        picture(tmp_path / f"masks/{i}.png", i)
    with pytest.raises(InputError, match=r"labels are colours; say what they mean in a classes\.csv"):
        open_data(DataSettings(path=tmp_path))
    Image.fromarray(np.zeros((4, 4), np.uint8)).save(tmp_path / "m.jpg")
    with pytest.raises(InputError, match="blurred into others by JPEG"):
        read_label_map(tmp_path / "m.jpg", coded({"a": 0, "b": 1}))
    with pytest.raises(InputError, match="1 to 255 classes"):
        Codes((), {})


def test_pictures_of_many_sizes_are_streamed(tmp_path):
    for i in range(6):
        picture(tmp_path / f"images/{i}.png", i, (12 + 4 * i, 40))
        labels(tmp_path / f"masks/{i}.png", i, (12 + 4 * i, 40))
    data = open_data(DataSettings(path=tmp_path, size=24, smallest_crop=0.3))
    source = data.splits["train"]
    assert source.streamed
    indices = torch.arange(len(source))
    batch, again = (source.fetch(indices, torch.arange(len(source)) + 7) for _ in range(2))
    assert batch.inputs.shape == (len(source), 3, 24, 24)
    assert torch.equal(batch.inputs, again.inputs)
    assert torch.equal(batch.targets, again.targets)
    assert set(batch.targets.unique().tolist()) <= {0, 1, 2}  # a crop lies within the picture
    assert not torch.equal(batch.targets, source.fetch(indices, torch.arange(len(source))).targets)
    whole = source.fetch(indices).targets
    assert (whole[0, -1] == VOID).all()  # 40 columns shrunk to 24, so few rows are filled


def test_whole_pictures_are_shrunk_and_filled_up():
    labels_ = torch.arange(6, dtype=torch.uint8).repeat_interleave(5)[:, None].repeat(1, 60)
    pixels = labels_[None].float().mul(40).to(torch.uint8)
    shrunk, kept = fitted(pixels, labels_, (30, 30))
    assert shrunk.shape == (1, 30, 30)
    assert (kept[15:] == VOID).all()
    assert (shrunk[:, 15:] == 0).all()
    assert set(kept[:15].unique().tolist()) == set(range(6))
    small, same = fitted(pixels[:, :, :20], labels_[:, :20], (40, 40))
    assert torch.equal(small[:, :30, :20], pixels[:, :, :20])  # nothing is enlarged
    assert torch.equal(same[:30, :20], labels_[:, :20])


def test_classes_in_another_order(tmp_path):
    for i in range(5):
        picture(tmp_path / f"images/{i}.png", i)
        labels(tmp_path / f"masks/{i}.png", i, values=(0, 1, 255))
    (tmp_path / "classes.txt").write_text("cat\ndog\n")
    data = open_data(DataSettings(path=tmp_path))
    other = arranged(data, ("sky", "dog", "cat"))
    own, theirs = (d.splits["train"].fetch(torch.arange(4)).targets for d in (data, other))
    table = torch.full((256,), VOID, dtype=torch.uint8)
    table[0], table[1] = 2, 1
    assert torch.equal(torch.as_tensor(theirs), table[own.long()])
    assert type(theirs) is type(own)


def test_named_sets_say_where_they_are_missing(tmp_path):
    for name in ("oxford-pets-masks", "voc2012", "cityscapes"):
        with pytest.raises(InputError, match=f"{name} is not in"):
            open_mask_set(name, DataSettings(path=tmp_path))


def test_pets_from_disk(tmp_path):
    root = tmp_path / "oxford-iiit-pet"
    for i in range(4):
        picture(root / f"images/cat_{i}.jpg", i, (20, 24))
        labels(root / f"annotations/trimaps/cat_{i}.png", i, (20, 24), values=(1, 2, 3))
    for split, rows in (("trainval", (0, 1, 2)), ("test", (3,))):
        (root / f"annotations/{split}.txt").write_text("".join(f"cat_{i} 1 1 1\n" for i in rows))
    data = open_data(DataSettings(name="oxford-pets-masks", path=tmp_path))
    assert data.info.classes == ("pet", "background", "border")
    assert data.info.counts == {"train": 3, "test": 1}


def test_cityscapes_from_disk(tmp_path):
    for split in ("train", "val"):
        for i in range(2):
            picture(tmp_path / f"leftImg8bit/{split}/ulm/ulm_{i}_leftImg8bit.png", i)
            labels(tmp_path / f"gtFine/{split}/ulm/ulm_{i}_gtFine_labelIds.png", i, values=(3, 7, 26))
    data = open_data(DataSettings(name="cityscapes", path=tmp_path))
    assert len(data.info.classes) == 19
    targets = data.splits["train"].fetch(torch.arange(2)).targets
    assert set(targets.unique().tolist()) <= {0, 13, VOID}  # road, car


def test_shapes_have_masks():
    from pellucid.data.shapes import open_shapes, scene

    data = open_shapes(32, train=6, test=2, masks=True)
    assert data.info.classes[0] == "background"
    targets = data.splits["test"].fetch(torch.arange(2)).targets
    np.testing.assert_array_equal(targets[1], scene(0, 7, 32).semantic)
