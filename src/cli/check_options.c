#include "cli/check_options.h"

#include "base/json_read.h"
#include "base/mem.h"
#include "load/plan.h"

#include <string.h>

static int check_event_seq(const char *text, struct err *err)
{
    if (!text || strcmp(text, "id") == 0 || strcmp(text, "none") == 0 ||
        json_check_pointer(text, err) == 0)
        return 0;
    err_prefix(err, "option '--event-seq'");
    return -1;
}

int check_settings_apply(const struct check_settings *settings, struct plan_checks *checks,
                         struct err *err)
{
    if (check_event_seq(settings->event_seq, err) < 0)
        return -1;
    checks->event_seq = settings->event_seq ? x_strdup(settings->event_seq) : NULL;
    return 0;
}
