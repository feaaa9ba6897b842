/*
 * load/wave_stats.h - what a stream that was lost records of its way back, into its wave
 * (stats/waves.h). Called from load/stream_stats and load/stream_end; nothing is recorded of a
 * stream that never was open, or that has come back.
 */
#ifndef CICADA_LOAD_WAVE_STATS_H
#define CICADA_LOAD_WAVE_STATS_H

#include "base/error_class.h"

#include <stdbool.h>
#include <stdint.h>

struct stat_place;
struct stream_record;

/* The open stream ended unasked. */
void wave_stats_lose(const struct stat_place *place, struct stream_record *record,
                     enum error_class error_class);
/* It was cut by this storm. */
void wave_stats_cut(const struct stat_place *place, struct stream_record *record, uint32_t storm);
void wave_stats_attempt(const struct stat_place *place, const struct stream_record *record);
void wave_stats_answer(const struct stat_place *place, const struct stream_record *record,
                       int status);
/* The attempt did not bring an event. */
void wave_stats_fail(const struct stat_place *place, const struct stream_record *record,
                     enum error_class error_class);
/* It was told how long to wait; whether it does. */
void wave_stats_retry_after(const struct stat_place *place, const struct stream_record *record,
                            bool is_honoured);
void wave_stats_give_up(const struct stat_place *place, const struct stream_record *record);
/* Our plan ends it, or cuts it once more, before an event has come. */
void wave_stats_leave(const struct stat_place *place, struct stream_record *record);
/* An event has come. */
void wave_stats_come_back(const struct stat_place *place, struct stream_record *record,
                          uint64_t now_ns);

#endif
