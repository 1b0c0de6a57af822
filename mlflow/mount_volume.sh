#!/usr/bin/env bash
# Attaches an EBS volume to this EC2 machine and mounts it, so that studies outlive the machine.
# A blank volume gets a file system; one that has data is never formatted.
# Usage: mount_volume.sh VOLUME FOLDER
set -eu
volume=$1 folder=$2
mountpoint -q "$folder" && exit 0
metadata=http://169.254.169.254/latest
token=$(curl -fsS -X PUT "$metadata/api/token" -H 'X-aws-ec2-metadata-token-ttl-seconds: 60')
ask() { curl -fsS -H "X-aws-ec2-metadata-token: $token" "$metadata/meta-data/$1"; }
region=$(ask placement/region)
instance=$(ask instance-id)
# The head that was removed a moment ago may still hold it.
aws --region "$region" ec2 wait volume-available --volume-ids "$volume"
aws --region "$region" ec2 attach-volume --volume-id "$volume" --instance-id "$instance" \
  --device /dev/sdf > /dev/null
# The name that machines of today give it, whatever /dev/sdf was asked for.
device=/dev/disk/by-id/nvme-Amazon_Elastic_Block_Store_${volume/-/}
for _ in $(seq 60); do
  [ -e "$device" ] && break
  sleep 1
done
[ -e "$device" ] || { echo "$volume was attached, but $device is not there" >&2; exit 1; }
sudo blkid "$device" > /dev/null || sudo mkfs.ext4 -q "$device"
sudo mkdir -p "$folder"
sudo mount "$device" "$folder"
sudo chown "$(id -u):$(id -g)" "$folder"
