#!/bin/sh
# An S3 server for a trial: rclone over one volume; a bucket is a folder.
set -eu
rclone=$(python -P -c 'from alloyworks.embedded.services import rclone; print(rclone())')
mkdir -p "/data/$BUCKET"
# Uploads in parts do not survive the server; what they had sent would stay for ever.
find /data -name '.rclone_temp_multipart_*' -delete
RCLONE_AUTH_KEY="\"$(cat /secrets/ALLOY_S3_ACCESS_KEY),$(cat /secrets/ALLOY_S3_SECRET_KEY)\""
RCLONE_CONFIG=/dev/null
export RCLONE_AUTH_KEY RCLONE_CONFIG
exec "$rclone" serve s3 --addr :9000 --cache-dir /tmp/rclone --dir-cache-time=1s --etag-hash= /data
