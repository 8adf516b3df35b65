import pytest

from pgan_tf import cli


@pytest.mark.parametrize(
    "vendor,family,flags,expected",
    [
        ("AuthenticAMD", 25, "fpu avx2 avx512f", True),  # Zen 4
        ("AuthenticAMD", 25, "fpu avx2", False),  # Zen 3
        ("AuthenticAMD", 26, "fpu avx2 avx512f", False),  # Zen 5
        ("GenuineIntel", 6, "fpu avx2 avx512f", False),
    ],
)
def test_knows_the_processors_with_a_slow_compressing_store(
    tmp_path, vendor, family, flags, expected
):
    cpu = f"processor\t: 0\nvendor_id\t: {vendor}\ncpu family\t: {family}\nflags\t\t: {flags}\n"
    path = tmp_path / "cpuinfo"
    path.write_text(f"{cpu}\n{cpu}")
    assert cli._stores_compressed_slowly(str(path)) == expected


def test_other_systems_have_no_list_of_processors(tmp_path):
    assert not cli._stores_compressed_slowly(str(tmp_path / "absent"))
