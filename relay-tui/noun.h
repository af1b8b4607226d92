/* SPDX-License-Identifier: MIT */
/* noun.h - how the things of relayd look to people: columns of tables and
 * lists, and what does not fit into either. */
#ifndef RELAY_TUI_NOUN_H
#define RELAY_TUI_NOUN_H

#include "relay-tui/table.h"

/* In tables, and of one. */
extern const struct column account_columns[], account_details[];
extern const struct column identity_details[], window_columns[];
extern const struct column account_model_columns[], account_test_details[];
extern const struct column signin_columns[], oauth_client_columns[];
extern const struct column kind_columns[], gate_columns[];
extern const struct column key_columns[], my_key_columns[], key_details[];
extern const struct column trash_columns[], made_columns[];
extern const struct column template_columns[], tag_columns[];
extern const struct column salt_columns[], imported_columns[];
extern const struct column user_columns[], user_details[];
extern const struct column client_seen_columns[], client_columns[],
    client_details[];
extern const struct column usage_columns[], receipt_columns[];
extern const struct column cost_columns[], price_columns[];
extern const struct column rate_columns[], rate_details[];
extern const struct column rule_columns[], rule_details[], verdict_details[];
extern const struct column cooldown_columns[];
extern const struct column live_columns[], ended_columns[];
extern const struct column session_columns[], queue_columns[], sticky_columns[],
    sticky_details[], cleared_details[], ended_details[];
extern const struct column voucher_columns[], voucher_details[];
extern const struct column redeemed_columns[];
extern const struct column setting_columns[], option_columns[];
extern const struct column route_columns[], change_columns[];
extern const struct column audit_columns[], audit_details[];
extern const struct column whoami_details[], drain_details[];
extern const struct column finding_columns[];
extern const struct column budget_columns[], budget_details[];
extern const struct column channel_columns[], channel_details[];
extern const struct column notice_columns[];
extern const struct column proxy_columns[], proxy_details[];
extern const struct column group_columns[], group_details[], member_columns[];
extern const struct column trace_columns[], trace_details[];
extern const struct column traced_details[], try_columns[];

/* An answer's data, printed. */
void print_status(struct output *o, const struct json *data);
void print_kinds(struct output *o, const struct json *data);
void print_account(struct output *o, const struct json *data);
void print_account_test(struct output *o, const struct json *data);
void print_user(struct output *o, const struct json *data);
void print_my(struct output *o, const struct json *data);
void print_new_key(struct output *o, const struct json *data);
void print_template(struct output *o, const struct json *data);
void print_key_set(struct output *o, const struct json *data);
void print_trashed(struct output *o, const struct json *data);
void print_imported(struct output *o, const struct json *data);
void print_purged(struct output *o, const struct json *data);
void print_new_vouchers(struct output *o, const struct json *data);
void print_changes(struct output *o, const struct json *data);
/* One family, as Prometheus reads it. */
void print_metric(struct output *o, const struct json *family);
void print_finding(struct output *o, const struct json *finding);
void print_setting(struct output *o, const struct json *data);
void print_explained(struct output *o, const struct json *data);
void print_recomputed(struct output *o, const struct json *data);
void print_verified(struct output *o, const struct json *data);
void print_price(struct output *o, const struct json *data);
void print_price_changes(struct output *o, const struct json *data);
void print_price_check(struct output *o, const struct json *data);
void print_notice_test(struct output *o, const struct json *data);
void print_proxy_test(struct output *o, const struct json *data);
void print_why(struct output *o, const struct json *data);
/* The steps of that alone. */
void print_steps(struct output *o, const struct json *data);
/* Whom a request would go to. */
void print_way(struct output *o, const struct json *data);
void print_cleared(struct output *o, const struct json *data);
/* One line for a request that has ended. */
void print_receipt(struct output *o, const struct json *data);
/* What of it stands in no explanation of its cost. */
void print_receipt_details(struct output *o, const struct json *data);

#endif
