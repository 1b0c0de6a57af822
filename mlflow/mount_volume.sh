#!/usr/bin/env bash
# Attaches an EBS volume to this EC2 machine and mounts it, so that studies outlive the machine.
# A blank volume gets a file system; one that has data is never formatted. Needs boto3's Python as
# `python`, which the set-up puts on the PATH.
# Usage: mount_volume.sh VOLUME FOLDER
set -eu
volume=$1 folder=$2
mountpoint -q "$folder" && exit 0
# The name that machines of today give it, whatever /dev/sdf was asked for.
device=/dev/disk/by-id/nvme-Amazon_Elastic_Block_Store_${volume/-/}
metadata=http://169.254.169.254/latest
token=$(curl -fsS -X PUT "$metadata/api/token" -H 'X-aws-ec2-metadata-token-ttl-seconds: 60')
ask() { curl -fsS -H "X-aws-ec2-metadata-token: $token" "$metadata/meta-data/$1"; }
region=$(ask placement/region)
instance=$(ask instance-id)
# After a reboot it is attached already. The head that was removed a moment ago may still hold it.
[ -e "$device" ] || python - "$region" "$volume" "$instance" << 'END'
import sys
import boto3
region, volume, instance = sys.argv[1:]
ec2 = boto3.client("ec2", region_name=region)
try:
    ec2.get_waiter("volume_available").wait(VolumeIds=[volume])
    ec2.attach_volume(VolumeId=volume, InstanceId=instance, Device="/dev/sdf")
except Exception as error:
    sys.exit(f"{volume} cannot be attached: {error}")
END
for _ in $(seq 60); do
  [ -e "$device" ] && break
  sleep 1
done
[ -e "$device" ] || { echo "$volume was attached, but $device is not there" >&2; exit 1; }
# 2 says that nothing is on it; anything else is no leave to format it.
found=0
sudo blkid --probe "$device" > /dev/null || found=$?
case $found in
  0) ;;
  2) sudo mkfs.ext4 -q "$device" ;;
  *) echo "cannot tell what is on $volume (blkid: $found)" >&2; exit 1 ;;
esac
sudo mkdir -p "$folder"
sudo mount "$device" "$folder"
sudo chown "$(id -u):$(id -g)" "$folder"
