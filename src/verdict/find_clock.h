/*
 * verdict/find_clock.h - the finding about latencies that are no better than the clocks they were
 * taken with.
 */
#ifndef CICADA_VERDICT_FIND_CLOCK_H
#define CICADA_VERDICT_FIND_CLOCK_H

#include <stdbool.h>

struct finding;
struct run;

enum { FIND_CLOCK_ERROR_PCT = 10, FIND_CLOCK_NEGATIVE_PCT = 1 };

/*
 * No clock was compared; or the error is over FIND_CLOCK_ERROR_PCT of the median latency; or more
 * than FIND_CLOCK_NEGATIVE_PCT of the live events came before they were sent; or by a clock that
 * was asked none was live. Fills the finding then.
 */
bool find_clock_uncertain(const struct run *run, struct finding *finding);

#endif
