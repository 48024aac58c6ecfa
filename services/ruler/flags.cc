#include "services/ruler/flags.h"

namespace thanos::services {

void RulerFlags::AddTo(config::FlagSet& flags) {
  objstore.AddTo(flags);
  request_logging.AddTo(flags);
  store_limits.AddTo(flags);
  web.AddTo(flags, true);
  shipper.AddTo(flags);
  AddQueryFlags(flags);
  AddAlertFlags(flags);
  AddStorageFlags(flags);
  AddRuleFlags(flags);
}

void RulerFlags::AddQueryFlags(config::FlagSet& flags) {
  flags.Add("query", &query, "Query API address, may carry dns+ or dnssrv+.");
  query_config.AddTo(flags, "query API configuration");
  flags.Add("query.sd-files", &query_sd_files, "File-SD with query API addresses (glob).");
  flags.Add("query.sd-interval", &query_sd_interval, "Period of the file-SD re-read.");
  flags.Add("query.sd-dns-interval", &query_sd_dns_interval, "Period of DNS lookups for query APIs.");
  flags.AddEnum("query.http-method", &query_http_method, {"GET", "POST"}, "Method used for query calls.");
  flags.AddEnum("query.sd-dns-resolver", &query_sd_dns_resolver, {"golang", "miekgdns"}, "DNS library.",
                {.hidden = true, .no_effect = true});
  flags.Add("query.default-step", &query_default_step, "Lower bound of the default range query step.");
  flags.Add("query.only-prometheus-params", &query_only_prometheus_params,
            "Do not add Thanos parameters to query calls.", {.hidden = true});
  flags.Add("grpc-query-endpoint", &grpc_query_endpoint,
            "GRPC query API address, may carry dns+ or dnssrv+.");
  flags.Add("query.enable-x-functions", &query_enable_x_functions, "Enable xrate, xincrease and xdelta.");
}

void RulerFlags::AddAlertFlags(config::FlagSet& flags) {
  alertmanagers_config.AddTo(flags, "alertmanager configuration");
  flags.Add("alertmanagers.url", &alertmanagers_url, "Alertmanager URL, may carry dns+ or dnssrv+.");
  flags.Add("alertmanagers.send-timeout", &alertmanagers_send_timeout, "Time limit of one push.");
  flags.Add("alertmanagers.sd-dns-interval", &alertmanagers_sd_dns_interval,
            "Period of DNS lookups for alertmanagers.");
  flags.Add("alert.query-url", &alert_query_url, "URL base used in alert source links.");
  flags.Add("alert.label-drop", &alert_label_drop, "Label removed from alerts before sending.");
  alert_relabel_config.AddTo(flags, "alert relabel rules");
  flags.Add("alert.query-template", &alert_query_template, "Template of the query part of the source link.");
}

void RulerFlags::AddStorageFlags(config::FlagSet& flags) {
  flags.Add("label", &label, "External label name=\"value\".");
  flags.Add("tsdb.block-duration", &tsdb_block_duration, "Length of the blocks cut by the local TSDB.");
  flags.Add("tsdb.retention", &tsdb_retention, "How long local blocks are kept.");
  flags.Add("tsdb.no-lockfile", &tsdb_no_lockfile, "Do not create the TSDB lock file.");
  flags.Add("tsdb.wal-compression", &tsdb_wal_compression, "Compress WAL records with snappy.");
  flags.Add("data-dir", &data_dir, "Local working directory.");
  flags.Add("tsdb.enable-native-histograms", &tsdb_enable_native_histograms,
            "No effect, native histograms are always on.", {.no_effect = true});
  remote_write_config.AddTo(flags, "remote_write configuration");
}

void RulerFlags::AddRuleFlags(config::FlagSet& flags) {
  flags.Add("rule-file", &rule_file, "Rule file or glob.");
  flags.Add("resend-delay", &resend_delay, "Shortest pause before an alert is sent again.");
  flags.Add("eval-interval", &eval_interval, "Evaluation period of groups that name none.");
  flags.Add("rule-query-offset", &rule_query_offset, "Default query offset of groups.");
  flags.Add("for-outage-tolerance", &for_outage_tolerance,
            "Longest outage for which the for-state is restored.");
  flags.Add("for-grace-period", &for_grace_period, "Minimum wait before a restored alert may fire.");
  flags.Add("restore-ignored-label", &restore_ignored_label,
            "Label left out when matching restored alert state.");
  flags.Add("rule-concurrent-evaluation", &rule_concurrent_evaluation,
            "Independent rules evaluated in parallel.");
  flags.Add("enable-feature", &enable_feature, "Experimental features to turn on (comma separated).");
}

}  // namespace thanos::services
