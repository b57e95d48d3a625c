# Sourced by the figure scripts: what they have in common. Each script makes one figure, in figures/NAME/;
# the surfaces are in figures/surfaces/.
#
# Owns: where nets come from (those that ship, else trained now in runs/), and how the work is shared by two ranks.
# Everything is continued where it was stopped: run the same script again.

source "$(dirname "${BASH_SOURCE[0]}")/../environment.sh"
install
figure=$(basename "$0")
folder=figures/$figure
mkdir -p "$folder" figures/surfaces
# one thread for each rank: two ranks with one thread are faster than one with two
export OMP_NUM_THREADS=1

net() { # net NAME OPTION...: the path of a trained net; one that does not ship is trained as `landscape train` is told
  local name=$1
  shift
  if [ -f "checkpoints/$name.pt" ]; then
    echo "checkpoints/$name.pt"
    return
  fi
  [ $# -gt 0 ] || fail "checkpoints/$name.pt is not there; scripts/train_checkpoints makes it"
  [ -f "runs/$name/final.pt" ] || landscape train "$@" --threads 1 -o "runs/$name" >&2
  echo "runs/$name/final.pt"
}

both() { # both COMMAND...: on two ranks
  mpi_run 2 landscape "$@" --threads 1
}

plane() { # plane NAME CKPT OPTION...: its surface in figures/surfaces/, where several figures find it
  local name=$1
  shift
  both surface "$@" -o "figures/surfaces/$name.h5"
}

cifar10_plane() { # cifar10_plane NAME: 51 x 51 points on all 50,000 training images, the loss within 10 %
  local splits=()
  [ "$1" = resnet20_cifar10 ] && splits=(--split train --split test) # figure 6 needs both
  need_cifar10
  local path
  path=$(net "$1")
  plane "$1" "$path" -x -1:1:51 -y -1:1:51 --tolerance 0.1 ${splits[@]+"${splits[@]}"}
}

digits_plane() { # digits_plane MODEL: 41 x 41 points on 256 of the digits; a net that does not ship is trained first
  local path
  path=$(net "$1_digits" --model "$1" --data digits --epochs 80 --clip 1)
  plane "$1_digits" "$path" -x -1:1:41 -y -1:1:41 --samples 256
}

pictures() { # pictures STEM NAMES FILE...: contours and reliefs side by side on one scale
  local stem=$1 names=$2
  shift 2
  landscape compare "$@" --names "$names" --kind contour -o "$folder/${stem}_contour.png"
  landscape compare "$@" --names "$names" --kind surface -o "$folder/${stem}_surface.png" "$folder/$stem.html"
}

numbers() { # numbers FILE...: the table of what was computed, below the words of the caption
  python scripts/figures/caption_table.py "$folder" "$@"
}
