# Sourced by the scripts beside it: makes the project's own virtual environment (.venv) and installs what it needs.
#
# Owns: the choice of the Python interpreter and of MPI. A system MPI is used when its mpiexec is on the PATH; else the
# mpich wheel from PyPI brings one. Also where the images of the CIFAR-10 nets lie. A stamp skips the installation while pyproject.toml and that choice stay the same.

cd "$(dirname "${BASH_SOURCE[0]}")/.."

fail() { echo "$(basename "$0"): $*" >&2; exit 1; }

find_python() {
  local candidate
  for candidate in "${PYTHON:-}" python3 python3.13 python3.12 python3.11 python3.10 python; do
    [ -n "$candidate" ] && command -v "$candidate" >/dev/null 2>&1 || continue
    "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 10))' 2>/dev/null && { echo "$candidate"; return; }
  done
  return 1
}

install() { # install EXTRA...: the project with its extras, editable, into .venv
  local python mpi stamp wanted
  python=$(find_python) || fail "needs Python 3.10 or later; set PYTHON to its path"
  mpi=mpich
  PATH=${PATH//$PWD\/.venv\/bin:/} command -v mpiexec >/dev/null 2>&1 && mpi=mpi
  wanted="$mpi $* $(cat pyproject.toml | cksum) $PWD"
  stamp=.venv/.installed
  if ! grep -qxF "$wanted" "$stamp" 2>/dev/null; then
    echo "making .venv and installing from PyPI (once; torch is large) ..."
    [ -x .venv/bin/python ] || "$python" -m venv .venv ||
      fail "cannot make a virtual environment; on Debian and Ubuntu: apt-get install python3-venv"
    .venv/bin/python -m pip install --quiet --upgrade pip
    .venv/bin/python -m pip install --quiet --editable ".[$(IFS=,; echo "$mpi${*:+,$*}")]" ||
      fail "installing failed, see above"
    echo "$wanted" >>"$stamp"
  fi
  PATH="$PWD/.venv/bin:$PATH"
  export PATH
}

mpi_run() { # mpi_run N COMMAND...: on N ranks, with the flags that Open MPI wants from root and on few cores
  local ranks=$1 flags=()
  shift
  if mpiexec --version 2>&1 | grep -qiE 'open ?mpi|openrte|prrte'; then
    flags=(--oversubscribe)
    [ "$(id -u)" = 0 ] && flags+=(--allow-run-as-root)
  fi
  mpiexec ${flags[@]+"${flags[@]}"} -n "$ranks" "$@"
}

need_cifar10() { # the images that the CIFAR-10 nets were trained on
  [ -d data/cifar10-jpeg/train ] && return
  local archive=../shared/data/cifar10-jpeg.tar.xz
  [ -f "$archive" ] || fail "the images are not here: put train/CLASS/*.jpg and test/CLASS/*.jpg into data/cifar10-jpeg"
  mkdir -p data/cifar10-jpeg
  tar xf "$archive" -C data/cifar10-jpeg
}
