#!/bin/sh
# Random 4 KiB reads and writes on a volume's kind of device, a loop through a pool in a file, against a plain loop. Needs root,
# fio and xfsprogs. Prints one line per figure.
set -e
work=$(mktemp -d "${1:-/var/tmp}/cl-bench-block.XXXXXX")
clean() {
    for one in "$plain" "$volume"; do [ -z "$one" ] || losetup -d "$one"; done
    mountpoint -q "$work/pool" && umount "$work/pool"
    [ -z "$pool" ] || losetup -d "$pool"
    rm -rf "$work"
}
trap clean EXIT
truncate -s 64G "$work/pool.xfs"
mkfs.xfs -q -K -m reflink=1 -l size=64m "$work/pool.xfs"
pool=$(losetup --direct-io=on -f --show "$work/pool.xfs")
mkdir "$work/pool"
mount -o noatime,nouuid,discard "$pool" "$work/pool"
for file in "$work/plain" "$work/pool/volume"; do
    fio --name=fill --filename="$file" --rw=write --bs=1M --size=1G --direct=1 --minimal >/dev/null
done
plain=$(losetup --direct-io=on -f --show "$work/plain")
volume=$(losetup --direct-io=on -f --show "$work/pool/volume")
for round in 1 2 3; do
    for kind in randread randwrite; do
        for depth in 1 16; do
            for device in "$plain" "$volume"; do
                name=plain; [ "$device" = "$volume" ] && name=volume
                iops=$(fio --name=run --filename="$device" --rw=$kind --bs=4k --iodepth=$depth --ioengine=libaio --direct=1 \
                    --runtime=4 --time_based --size=1G --output-format=json |
                    python3 -c 'import json,sys; j=json.load(sys.stdin)["jobs"][0]; print(round(j["read"]["iops"]+j["write"]["iops"]))')
                echo "$kind depth=$depth $name: $iops/s"
            done
        done
    done
done
