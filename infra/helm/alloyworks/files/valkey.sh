#!/bin/sh
# Valkey for a trial. Messages are hints that the reconciler can do without: nothing is written to disk.
set -eu
server=$(python -P -c 'from alloyworks.embedded.services import valkey; print(valkey())')
umask 077
cat >/tmp/valkey.conf <<END
bind * -::*
port 6379
dir /tmp
save ""
appendonly no
maxmemory 256mb
maxmemory-policy noeviction
requirepass $(cat /secrets/password)
END
exec "$server" /tmp/valkey.conf
