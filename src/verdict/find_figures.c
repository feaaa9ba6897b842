#include "verdict/find_figures.h"

#include "base/clock.h"
#include "verdict/findings.h"

#include <math.h>

/* Histograms hold thousandths of what is shown. */
static const double THOUSAND = 1000.0;

double find_percentile(const struct hist *trend, double percentile)
{
    return trend ? (double)hist_percentile(trend, percentile) / THOUSAND : 0;
}

double find_sum(const struct hist *trend)
{
    return trend ? hist_sum(trend) / THOUSAND : 0;
}

uint64_t find_count(const struct hist *trend)
{
    return trend ? hist_count(trend) : 0;
}

const char *find_duration(double ms, char text[static UNITS_TEXT_BYTES])
{
    return units_format_duration((uint64_t)(ms * (double)CLOCK_NS_PER_MS), text);
}

double find_lag_ms(const struct run *run)
{
    double most_ms = 0;

    for (size_t i = 0; i < run->worker_count; i++)
        most_ms = fmax(most_ms, findings_lag_p99_ms(&run->workers[i]));
    return most_ms;
}
