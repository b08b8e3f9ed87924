#!/bin/sh
# PostgreSQL for a trial: the server that came with the image, on one volume. No backups.
set -eu
bin=$(python -P -c 'from alloyworks.embedded.postgres import binary; print(binary("postgres").parent)')
data=/data/postgresql

if [ ! -d "$data" ]; then
  # Made beside and renamed: a pod that dies meanwhile leaves nothing half made.
  rm -rf "$data.new"
  "$bin/initdb" -D "$data.new" -U alloy_owner --auth=scram-sha-256 --encoding=UTF8 \
    --locale=C.UTF-8 --no-instructions --pwfile=/secrets/password
  echo 'host all all all scram-sha-256' >>"$data.new/pg_hba.conf"
  echo 'CREATE DATABASE alloyworks' | "$bin/postgres" --single -D "$data.new" postgres
  mv "$data.new" "$data"
fi
rm -f "$data/postmaster.pid" # of a pod that is gone: a StatefulSet runs one at most

"$bin/postgres" -D "$data" -c listen_addresses='*' -c unix_socket_directories= \
  -c max_connections=300 -c shared_buffers=256MB -c max_parallel_workers_per_gather=0 &
server=$!
trap 'kill -INT "$server"' TERM # "fast": at SIGTERM it would wait for every client
while kill -0 "$server" 2>/dev/null; do wait "$server" || true; done
