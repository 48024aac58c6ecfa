#!/usr/bin/env bash
# The whole system on this machine: two real Prometheus servers as an HA pair, four days of history in a bucket, sidecars,
# store gateway, querier and compactor. Everything lives in .demo/ and listens on loopback only.
#   ./scripts/demo.sh           start, show the first answers, keep running until Ctrl-C
#   ./scripts/demo.sh --check   start, verify the answers, tear down; the exit code says whether all held
# Ports start at ${DEMO_PORT:-29090}.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/functions.sh"

CHECK=false
case "${1:-}" in
  --check) CHECK=true ;;
  "") ;;
  *) die "usage: demo.sh [--check]" ;;
esac

DEMO=$ROOT/.demo
BASE=${DEMO_PORT:-29090}
PROM_A=$BASE PROM_B=$((BASE + 1)) NODE=$((BASE + 2))
SIDE_A_GRPC=$((BASE + 3)) SIDE_A_HTTP=$((BASE + 4)) SIDE_B_GRPC=$((BASE + 5)) SIDE_B_HTTP=$((BASE + 6))
STORE_GRPC=$((BASE + 7)) STORE_HTTP=$((BASE + 8)) QUERY_GRPC=$((BASE + 9)) QUERY_HTTP=$((BASE + 10))
COMPACT_HTTP=$((BASE + 11))
QUERY_URL=http://127.0.0.1:$QUERY_HTTP
COMPACT_URL=http://127.0.0.1:$COMPACT_HTTP
# Holds two whole days as the compactor aligns them, which it merges to one block and downsamples.
HISTORY_HOURS=100

declare -A PIDS=()

stop_all() {
  trap - EXIT INT TERM
  if [ ${#PIDS[@]} -gt 0 ]; then
    kill "${PIDS[@]}" 2>/dev/null || true
    for _ in $(seq 100); do
      kill -0 "${PIDS[@]}" 2>/dev/null || break
      sleep 0.1
    done
    kill -9 "${PIDS[@]}" 2>/dev/null || true
    wait 2>/dev/null || true
  fi
}
trap 'stop_all' EXIT
trap 'say "stopping"; exit 0' INT TERM

# start NAME COMMAND...: runs it in the background with its log in .demo/logs.
start() {
  local name=$1
  shift
  "$@" >"$DEMO/logs/$name.log" 2>&1 &
  PIDS[$name]=$!
}

# ready NAME URL: waits until URL answers 200 or the process is gone.
ready() {
  local name=$1 url=$2
  for _ in $(seq 300); do
    curl -fsS -o /dev/null --max-time 2 "$url" 2>/dev/null && return 0
    kill -0 "${PIDS[$name]}" 2>/dev/null || { tail -5 "$DEMO/logs/$name.log" >&2; die "$name ended at start (log: .demo/logs/$name.log)"; }
    sleep 0.1
  done
  tail -5 "$DEMO/logs/$name.log" >&2
  die "$name is not ready after 30 s"
}

query() { # query EXPRESSION [DEDUP] [PARAMETER=VALUE] -> JSON
  curl -fsS --max-time 30 "$QUERY_URL/api/v1/query" --data-urlencode "query=$1" --data-urlencode "dedup=${2:-true}" \
    --data-urlencode "${3:-stats=}"
}

query_range() { # query_range EXPRESSION START END STEP -> JSON
  curl -fsS --max-time 30 "$QUERY_URL/api/v1/query_range" --data-urlencode "query=$1" \
    --data-urlencode "start=$2" --data-urlencode "end=$3" --data-urlencode "step=$4"
}

# wait_for TEXT COMMAND...: repeats the command until it succeeds, at most 60 s.
wait_for() {
  local text=$1
  shift
  for _ in $(seq 300); do
    "$@" >/dev/null 2>&1 && return 0
    sleep 0.2
  done
  die "$text did not happen within 60 s"
}

# The same series as the live ones, as one replica saw them: its own scrape offset and a short outage.
write_history() { # write_history OFFSET_SECONDS OUTAGE_HOUR
  awk -v now="$(date +%s)" -v hours="$HISTORY_HOURS" -v offset="$1" -v outage="$2" 'BEGIN {
    start = now - hours * 3600; step = 15
    split("up node_load1 node_network_receive_bytes_total", names, " ")
    for (n = 1; n <= 3; n++) {
      name = names[n]; family = name; sub(/_total$/, "", family); srand(42)
      printf "# TYPE %s %s\n", family, (name ~ /_total$/) ? "counter" : "gauge"
      value = 0
      for (t = start + offset; t < now - 30; t += step) {
        value += 1000 + int(500 * rand())
        hour = (t - start) / 3600
        if (hour >= outage && hour < outage + 0.2) continue
        v = (n == 1) ? 1 : (n == 2) ? 1 + 0.5 * sin(t / 3600) + rand() / 10 : value
        labels = "instance=\"node-1\",job=\"node\"" ((n == 3) ? ",device=\"lo\"" : "")
        printf "%s{%s} %.3f %.3f\n", name, labels, v, t
      }
    }
    print "# EOF"
  }'
}

write_prometheus_config() { # write_prometheus_config REPLICA
  cat <<YAML
global:
  scrape_interval: 2s
  external_labels: {cluster: demo, replica: $1}
scrape_configs:
  - job_name: prometheus
    static_configs: [{targets: ['127.0.0.1:$PROM_A', '127.0.0.1:$PROM_B']}]
  - job_name: node
    static_configs: [{targets: ['127.0.0.1:$NODE'], labels: {instance: node-1}}]
  - job_name: thanos
    static_configs:
      - targets: ['127.0.0.1:$SIDE_A_HTTP', '127.0.0.1:$SIDE_B_HTTP', '127.0.0.1:$STORE_HTTP', '127.0.0.1:$QUERY_HTTP', '127.0.0.1:$COMPACT_HTTP']
YAML
}

start_prometheus() { # start_prometheus REPLICA PORT
  start "prometheus-$1" "$PEERS_DIR/stable/usr/bin/prometheus" --config.file="$DEMO/prometheus-$1.yml" \
    --storage.tsdb.path="$DEMO/prometheus-$1" --web.listen-address="127.0.0.1:$2" --web.enable-lifecycle \
    --storage.tsdb.min-block-duration=2h --storage.tsdb.max-block-duration=2h --log.level=warn
  ready "prometheus-$1" "http://127.0.0.1:$2/-/ready"
}

start_sidecar() { # start_sidecar NAME PROMETHEUS_PORT GRPC_PORT HTTP_PORT TSDB_PATH
  start "$1" "$BIN_DIR/thanos-sidecar" --prometheus.url="http://127.0.0.1:$2" --tsdb.path="$5" \
    --grpc-address="127.0.0.1:$3" --http-address="127.0.0.1:$4" --objstore.config-file="$DEMO/bucket.yml"
  ready "$1" "http://127.0.0.1:$4/-/ready"
}

install_packages "${BUILD_PACKAGES[@]}" "${RUN_PACKAGES[@]}"
[ -n "${THANOS_BIN_DIR:-}" ] || build_release thanos-sidecar thanos-store thanos-query thanos-compact thanos-tools
say "unpacking Prometheus and node exporter into build/peers"
unpack_peer prometheus || die "Prometheus could not be fetched"
unpack_peer prometheus-node-exporter || die "node exporter could not be fetched"

rm -rf "$DEMO"
mkdir -p "$DEMO"/{logs,bucket,prometheus-a,prometheus-b,history-a,history-b,store}
for port in $(seq "$BASE" $((BASE + 11))); do
  ! (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null || die "port $port is in use; set DEMO_PORT to the first of 12 free ports"
done
printf 'type: FILESYSTEM\nconfig:\n  directory: %s\n' "$DEMO/bucket" >"$DEMO/bucket.yml"

say "starting node exporter and two Prometheus servers (replicas a and b)"
start node-exporter "$PEERS_DIR/stable/usr/bin/prometheus-node-exporter" --web.listen-address="127.0.0.1:$NODE" --log.level=error
write_prometheus_config a >"$DEMO/prometheus-a.yml"
write_prometheus_config b >"$DEMO/prometheus-b.yml"
start_prometheus a "$PROM_A"
start_prometheus b "$PROM_B"

say "making $HISTORY_HOURS hours of history for both replicas and shipping it to the bucket"
write_history 0 10 >"$DEMO/history-a.om"
write_history 7 30 >"$DEMO/history-b.om"
for replica in a b; do
  "$PEERS_DIR/stable/usr/bin/promtool" tsdb create-blocks-from openmetrics "$DEMO/history-$replica.om" "$DEMO/history-$replica" \
    >"$DEMO/logs/promtool-$replica.log" 2>&1 || { tail -3 "$DEMO/logs/promtool-$replica.log" >&2; die "promtool failed"; }
  rm "$DEMO/history-$replica.om"
done
# Sidecars that look at the history directories ship them with each Prometheus' external labels, then make room.
start_sidecar seed-a "$PROM_A" "$SIDE_A_GRPC" "$SIDE_A_HTTP" "$DEMO/history-a"
start_sidecar seed-b "$PROM_B" "$SIDE_B_GRPC" "$SIDE_B_HTTP" "$DEMO/history-b"
num_history_blocks() { find "$DEMO/history-a" "$DEMO/history-b" -mindepth 2 -maxdepth 2 -name meta.json | grep -cv thanos/upload; }
num_bucket_blocks() { find "$DEMO/bucket" -mindepth 2 -maxdepth 2 -name meta.json | wc -l; }
history_shipped() { [ "$(num_bucket_blocks)" -eq "$WANTED_BLOCKS" ]; }
WANTED_BLOCKS=$(num_history_blocks)
wait_for "shipping $WANTED_BLOCKS blocks" history_shipped
kill "${PIDS[seed-a]}" "${PIDS[seed-b]}"
wait "${PIDS[seed-a]}" "${PIDS[seed-b]}" || die "a sidecar did not stop cleanly"
unset 'PIDS[seed-a]' 'PIDS[seed-b]'
say "the bucket holds $(num_bucket_blocks) blocks"

say "starting sidecars, store gateway and querier"
start_sidecar sidecar-a "$PROM_A" "$SIDE_A_GRPC" "$SIDE_A_HTTP" "$DEMO/prometheus-a"
start_sidecar sidecar-b "$PROM_B" "$SIDE_B_GRPC" "$SIDE_B_HTTP" "$DEMO/prometheus-b"
start store "$BIN_DIR/thanos-store" --data-dir="$DEMO/store" --objstore.config-file="$DEMO/bucket.yml" \
  --grpc-address="127.0.0.1:$STORE_GRPC" --http-address="127.0.0.1:$STORE_HTTP" --sync-block-duration=5s
ready store "http://127.0.0.1:$STORE_HTTP/-/ready"
start query "$BIN_DIR/thanos-query" --grpc-address="127.0.0.1:$QUERY_GRPC" --http-address="127.0.0.1:$QUERY_HTTP" \
  --query.replica-label=replica --endpoint="127.0.0.1:$SIDE_A_GRPC" --endpoint="127.0.0.1:$SIDE_B_GRPC" \
  --endpoint="127.0.0.1:$STORE_GRPC"
ready query "$QUERY_URL/-/ready"

num_series() { jq -r '.data.result | length'; }
live_seen() { [ "$(query 'count(up{job="node"})' false | jq -r '.data.result[0].value[1]')" = 2 ]; }
wait_for "live data of both replicas" live_seen

SPAN_QUERY="count_over_time(up{job=\"node\"}[${HISTORY_HOURS}h])"
say "series of $SPAN_QUERY, history and now:"
for dedup in false true; do
  query "$SPAN_QUERY" "$dedup" |
    jq -r --arg dedup "$dedup" '"    dedup=\($dedup):", (.data.result[] | "      \(.metric | del(.__name__) | tostring)  \(.value[1]) samples")' >&2
done

failures=0
expect() { # expect TEXT ACTUAL OPERATOR WANTED
  if [ "$2" "$3" "$4" ]; then
    say "ok: $1 ($2)"
  else
    say "FAILED: $1: got '$2', wanted $3 $4"
    failures=$((failures + 1))
  fi
}

WANTED_SAMPLES=$((HISTORY_HOURS * 3600 / 15 - 60))
expect "without de-duplication both replicas answer" "$(query "$SPAN_QUERY" false | num_series)" -eq 2
expect "de-duplicated it is one series" "$(query "$SPAN_QUERY" | num_series)" -eq 1
expect "with the samples of all $HISTORY_HOURS hours" "$(query "$SPAN_QUERY" | jq -r '.data.result[0].value[1]')" -ge "$WANTED_SAMPLES"
NOW=$(date +%s)
FROM=$((NOW - (HISTORY_HOURS - 1) * 3600))
expect "one replica's outage leaves no hole ($((HISTORY_HOURS - 1)) h at 5 min steps)" \
  "$(query_range 'sum(rate(node_network_receive_bytes_total{device="lo"}[10m]))' $FROM $((NOW - 900)) 300 | jq -r '.data.result[0].values | length')" \
  -eq $(((NOW - 900 - FROM) / 300 + 1))

say "running the compactor on the bucket"
# Answers about the history, at a fixed time, before and after.
history_answers() {
  query "$SPAN_QUERY" false "time=$NOW" | jq -cS '.data.result'
  query "$SPAN_QUERY" true "time=$NOW" | jq -cS '.data.result'
  query_range 'sum(rate(node_network_receive_bytes_total{device="lo"}[10m]))' $FROM $((NOW - 7200)) 300 | jq -cS '.data.result'
}
in_bucket() { # in_bucket FILTER -> number of blocks whose meta.json it accepts
  cat "$DEMO"/bucket/*/meta.json | jq -s "[.[] | select($1)] | length"
}
metric() { # metric URL NAME -> value
  curl -fsS --max-time 5 "$1/metrics" | awk -v name="$2" '$1 == name { print $2 }'
}
history_answers >"$DEMO/answers-before"
start compact "$BIN_DIR/thanos-compact" --wait --wait-interval=30s --data-dir="$DEMO/compact" --consistency-delay=0s \
  --objstore.config-file="$DEMO/bucket.yml" --http-address="127.0.0.1:$COMPACT_HTTP"
ready compact "$COMPACT_URL/-/ready"
iteration_done() { [ "$(metric "$COMPACT_URL" thanos_compact_iterations_total)" -ge 1 ]; }
wait_for "an iteration of the compactor" iteration_done
store_has_seen() { # the store serves what is left when covered blocks are set aside
  [ "$(metric "http://127.0.0.1:$STORE_HTTP" 'thanos_blocks_meta_synced{state="loaded"}')" -lt "$WANTED_BLOCKS" ]
}
wait_for "the store's switch to the compacted blocks" store_has_seen
history_answers >"$DEMO/answers-after"
expect "blocks were compacted over two days" "$(in_bucket '.compaction.level >= 3 and .maxTime - .minTime > 40 * 3600000 and .thanos.downsample.resolution == 0')" -ge 2
expect "and downsampled to 5 minutes" "$(in_bucket '.thanos.downsample.resolution == 300000')" -ge 2
expect "nothing halted it" "$(metric "$COMPACT_URL" thanos_compact_halted)" -eq 0
expect "the answers stayed the same" "$(cksum <"$DEMO/answers-after")" = "$(cksum <"$DEMO/answers-before")"

say "looking at the bucket with the tools"
tool() { "$BIN_DIR/thanos-tools" bucket "$@" --objstore.config-file="$DEMO/bucket.yml" 2>>"$DEMO/logs/tools.log"; }
expect "they list every block" "$(tool ls | wc -l)" -eq "$(cat "$DEMO"/bucket/*/meta.json | jq -s length)"
tool verify --issues=index_known_issues || die "tools bucket verify failed (log: .demo/logs/tools.log)"
expect "and find nothing wrong" "$(grep -c 'detected issue' "$DEMO/logs/tools.log")" -eq 0

say "killing Prometheus a"
kill -9 "${PIDS[prometheus-a]}"
wait "${PIDS[prometheus-a]}" 2>/dev/null || true
unset 'PIDS[prometheus-a]'
answer_without_a() { query 'up{job="node"}' | jq -e '.status == "success" and (.data.result | length) == 1'; }
answer_without_a >/dev/null || true
expect "live answer with Prometheus a dead" "$(query 'up{job="node"}' | num_series)" -eq 1
sleep 6
NOW=$(date +%s)
expect "no hole at 2 s steps over the last 20 s" \
  "$(query_range 'up{job="node"}' $((NOW - 20)) "$NOW" 2 | jq -r '.data.result[0].values | length')" -eq 11
expect "a warning names what is missing" "$(query 'up{job="node"}' | jq -r '.warnings | length')" -ge 1
query 'up{job="node"}' | jq -r '.warnings[]? | "      \(.)"' >&2
say "starting Prometheus a again"
start_prometheus a "$PROM_A"
wait_for "Prometheus a is back in the answers" live_seen

if $CHECK; then
  for name in query store compact sidecar-a sidecar-b; do
    kill "${PIDS[$name]}"
    code=0
    wait "${PIDS[$name]}" || code=$?
    unset "PIDS[$name]"
    expect "$name stops cleanly on SIGTERM" "$code" -eq 0
  done
  stop_all
  [ "$failures" -eq 0 ] || die "$failures checks failed; logs are in .demo/logs"
  say "demo check passed"
  exit 0
fi

cat <<TEXT

  Querier        $QUERY_URL          (Prometheus HTTP API: $QUERY_URL/api/v1/query?query=up)
  Stores         $QUERY_URL/api/v1/stores
  Prometheus     http://127.0.0.1:$PROM_A and http://127.0.0.1:$PROM_B
  Store gateway  http://127.0.0.1:$STORE_HTTP/metrics
  Compactor      $COMPACT_URL/metrics   (blocks: $COMPACT_URL/api/v1/blocks)
  Sidecars       http://127.0.0.1:$SIDE_A_HTTP/metrics and http://127.0.0.1:$SIDE_B_HTTP/metrics
  Bucket         .demo/bucket   Logs  .demo/logs

  Try:  curl '$QUERY_URL/api/v1/query' --data-urlencode 'query=avg_over_time(node_load1[2d])'
  Ctrl-C stops everything.

TEXT
wait
