#!/usr/bin/env bash
# Looks after the team's tracking server; its settings are in the environment, see server.env.example.
#   admin.sh create           makes the two databases
#   admin.sh backup FOLDER    writes both databases to a folder; the bucket has its own versions
#   admin.sh restore FOLDER   makes both databases from that folder; they must not be there
#   admin.sh upgrade          brings the tables to the installed MLflow; back up first
#   admin.sh gc AGE           removes what was deleted in the UI longer than AGE (30d) ago, for good
set -eu
store=postgresql+psycopg2:///mmatune
run() { "${PYTHON:-python3}" -P -m mlflow "$@"; }
case "${1:-} $#" in
  "create 1") createdb mmatune && createdb mmatune_auth ;;
  "backup 2")
    mkdir -p "$2"
    for name in mmatune mmatune_auth; do
      # Whole or not at all: an interrupted back-up must not look like one.
      pg_dump --format=custom --file="$2/$name.part" "$name" && mv "$2/$name.part" "$2/$name.dump"
    done ;;
  "restore 2")
    for name in mmatune mmatune_auth; do
      createdb "$name" && pg_restore --exit-on-error --no-owner --dbname="$name" "$2/$name.dump"
    done ;;
  "upgrade 1") run db upgrade "$store" ;;
  "gc 2")
    # Asks the server for the artifacts, as its administrator.
    export MLFLOW_TRACKING_URI="http://127.0.0.1:$MMATUNE_SERVER_PORT"
    export MLFLOW_TRACKING_USERNAME="$MLFLOW_AUTH_ADMIN_USERNAME"
    export MLFLOW_TRACKING_PASSWORD="$MLFLOW_AUTH_ADMIN_PASSWORD"
    run gc --backend-store-uri "$store" --artifacts-destination "$MMATUNE_ARTIFACTS" \
      --older-than "$2" ;;
  *) sed -n 's/^#   /  /p' "$0" >&2; exit 2 ;;
esac
