"""The secret key: made once, private, never a known one."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.core.exceptions import ImproperlyConfigured

from config.secret import secret_key

pytestmark = pytest.mark.backendless


def test_a_key_is_made_once_and_kept(tmp_path):
    assert secret_key(tmp_path) == secret_key(tmp_path)
    assert len(secret_key(tmp_path)) > 60


def test_processes_started_at_once_read_the_same_whole_key(tmp_path):
    start = threading.Barrier(8)

    def read(_number):
        start.wait()
        return secret_key(tmp_path)

    with ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(read, range(8)))) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["secret_key"]


def test_a_process_killed_while_it_makes_the_key_leaves_none(tmp_path, monkeypatch):
    def killed(_size):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr("config.secret.secrets.token_urlsafe", killed)
        secret_key(tmp_path)
    assert len(secret_key(tmp_path)) > 60


def test_the_key_can_be_read_by_its_owner_only(tmp_path):
    secret_key(tmp_path)
    assert (tmp_path / "secret_key").stat().st_mode & 0o777 == 0o600


def test_a_key_that_others_can_read_is_refused(tmp_path):
    secret_key(tmp_path)
    (tmp_path / "secret_key").chmod(0o644)
    with pytest.raises(ImproperlyConfigured, match="can be read by others"):
        secret_key(tmp_path)


@pytest.mark.parametrize("key", ["changeme", "django-insecure-" + "abcdefghijklmnop" * 4, "a" * 60, "x1" * 40])
def test_a_known_or_simple_key_is_refused(tmp_path, key):
    with pytest.raises(ImproperlyConfigured, match="empty, too short or a known example"):
        secret_key(tmp_path, key)


def test_an_empty_key_file_is_refused(tmp_path):
    (tmp_path / "secret_key").touch(mode=0o600)
    with pytest.raises(ImproperlyConfigured, match="empty, too short"):
        secret_key(tmp_path)
