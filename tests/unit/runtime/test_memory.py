"""Memory: amounts as text, and how much is available."""

import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bids_ari.errors import UsageError
from bids_ari.runtime import memory as compute
from bids_ari.runtime.memory import available_memory, format_memory, parse_memory


class TestParseMemory:
    @pytest.mark.parametrize(
        ("text", "n_bytes"),
        [
            ("512", 536_870_912),  # MB: 512 * 1024 * 1024
            ("1K", 1024),
            ("8G", 8_589_934_592),
            ("8g", 8_589_934_592),
            ("8GB", 8_589_934_592),
            (" 8 gb ", 8_589_934_592),
            ("1.5T", 1_649_267_441_664),
            ("2.M", 2_097_152),
            (".5M", 524_288),
            ("1024.0", 1_073_741_824),
        ],
    )
    def test_sizes(self, text: str, n_bytes: int) -> None:
        assert parse_memory(text) == n_bytes

    @pytest.mark.parametrize(
        "text",
        ["", "G", "0", "0G", "-1", "+1", "1e3", "nan", "inf", "8X", "8 G B", "8B", "1,5G", "1G1", "٣", "9" * 400],
    )
    def test_invalid_sizes_are_refused(self, text: str) -> None:
        with pytest.raises(UsageError) as caught:
            parse_memory(text)
        assert "8G" in caught.value.expected

    @given(st.integers(1, 2**50))
    def test_a_number_of_mb_comes_back(self, n_bytes: int) -> None:
        """As settings are written and read again: divided by a power of two, nothing is lost."""
        text = f"{n_bytes / 2**20:.40f}"
        assert parse_memory(text) == n_bytes

    @given(st.integers(1, 2**60))
    def test_a_formatted_size_can_be_read(self, n_bytes: int) -> None:
        """To two digits: within 5 %."""
        text = format_memory(n_bytes)
        if not text.endswith("bytes"):
            assert abs(parse_memory(text) / n_bytes - 1) <= 0.05


class TestFormatMemory:
    @pytest.mark.parametrize(
        ("n_bytes", "text"),
        [
            (0, "0 bytes"),
            (1023, "1023 bytes"),
            (1024, "1 KB"),
            (101_888, "100 KB"),  # 99.5
            (1_048_000, "1 MB"),  # 1023.4 KB
            (5 * 2**40, "5 TB"),
            (2**60, "1048576 TB"),
        ],
    )
    def test_sizes(self, n_bytes: int, text: str) -> None:
        assert format_memory(n_bytes) == text


GB = 2**30


@pytest.fixture
def system(tmp_path: Path) -> "System":
    return System(tmp_path)


class System:
    """Files of a kernel: a machine with 16 GB free."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.write("proc/meminfo", f"MemTotal: 99 kB\nMemAvailable:   {16 * 2**20} kB\nMemFree: 1 kB\n")

    def write(self, name: str, text: object) -> None:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{text}\n")

    def group(self, folder: str, limit: object, usage: int, inactive: int = 0, version: int = 2) -> None:
        names = ("memory.max", "memory.current", "inactive_file")
        if version == 1:
            names = ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")
        for name, value in zip(names, (limit, usage, f"anon 5\n{names[2]} {inactive}"), strict=True):
            self.write(f"{folder}/{name if name != names[2] else 'memory.stat'}", value)


class TestAvailableMemory:
    def test_of_this_machine(self) -> None:
        assert 2**20 < available_memory() < 2**60

    def test_without_groups_the_machine_decides(self, system: System) -> None:
        assert available_memory(system.root) == 16 * GB

    def test_version_2(self, system: System) -> None:
        """A limit of 4 GB, 3 of which are taken, 1 of these by files that the kernel can drop: 2 GB."""
        system.write("proc/self/cgroup", "0::/job/step")
        system.group("sys/fs/cgroup/job/step", 4 * GB, 3 * GB, 1 * GB)
        assert available_memory(system.root) == 2 * GB

    def test_a_group_around_it_may_have_less(self, system: System) -> None:
        system.write("proc/self/cgroup", "0::/job/step")
        system.group("sys/fs/cgroup/job/step", "max", 3 * GB)
        system.group("sys/fs/cgroup/job", 5 * GB, 4 * GB)
        assert available_memory(system.root) == 1 * GB

    def test_a_container_sees_its_own_group_as_the_root(self, system: System) -> None:
        for path in ("/", "/docker/0123", "/../../user.slice"):
            system.write("proc/self/cgroup", f"0::{path}")
            system.group("sys/fs/cgroup", 2 * GB, GB // 2)
            assert available_memory(system.root) == 3 * GB // 2

    def test_version_1(self, system: System) -> None:
        system.write("proc/self/cgroup", "11:cpu,cpuacct:/slurm\n9:memory:/slurm/job_7\n0::/")
        system.group("sys/fs/cgroup/memory/slurm/job_7", 8 * GB, 7 * GB, GB // 2, version=1)
        assert available_memory(system.root) == 3 * GB // 2

    def test_version_1_without_limit(self, system: System) -> None:
        """The kernel writes the largest number of pages."""
        system.write("proc/self/cgroup", "9:memory:/a")
        system.group("sys/fs/cgroup/memory/a", 9223372036854771712, 7 * GB, version=1)
        assert available_memory(system.root) == 16 * GB

    def test_the_machine_may_have_less_than_the_group(self, system: System) -> None:
        system.write("proc/self/cgroup", "0::/a")
        system.group("sys/fs/cgroup/a", 64 * GB, 0)
        assert available_memory(system.root) == 16 * GB

    def test_a_group_that_is_over_its_limit_has_nothing(self, system: System) -> None:
        system.write("proc/self/cgroup", "0::/a")
        system.group("sys/fs/cgroup/a", 1 * GB, 2 * GB)
        assert available_memory(system.root) == 0

    @pytest.mark.parametrize("text", ["", "nonsense", "0:", "0::", "::::", "0::/a\x00b"])
    def test_nonsense_about_groups_is_no_limit(self, system: System, text: str) -> None:
        system.write("proc/self/cgroup", text)
        system.write("sys/fs/cgroup/memory.max", "nonsense")
        assert available_memory(system.root) == 16 * GB

    def test_where_there_is_no_proc_it_is_all_there_is(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        pages = {"SC_PAGE_SIZE": 4096, "SC_PHYS_PAGES": 1000}
        monkeypatch.setattr(compute.os, "sysconf", pages.__getitem__)
        assert available_memory(tmp_path) == 4_096_000

    def test_where_nothing_is_told_nothing_is_refused(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delattr(compute.os, "sysconf")
        assert available_memory(tmp_path) == sys.maxsize
