#include "load/wave_stats.h"

#include "base/clock.h"
#include "load/stream_stats.h"

/* The wave of a stream that is away; NULL: it is not. */
static struct wave *wave_of(const struct stat_place *place, const struct stream_record *record)
{
    uint32_t key = delivery_away(record->delivery);

    return key == WAVES_NONE ? NULL : waves_find(stats_waves(place->stats), key);
}

static void lose(const struct stat_place *place, const struct stream_record *record, uint32_t key,
                 enum error_class error_class, double unix_ms)
{
    uint32_t lost_in = delivery_interrupt(record->delivery, key);

    wave_lose(waves_find(stats_waves(place->stats), lost_in), error_class, unix_ms);
}

void wave_stats_lose(const struct stat_place *place, struct stream_record *record,
                     enum error_class error_class)
{
    double unix_ms = clock_unix_ms();

    wave_stats_fail(place, record, error_class);
    lose(place, record, (uint32_t)(unix_ms / 1000), error_class, unix_ms);
}

void wave_stats_cut(const struct stat_place *place, struct stream_record *record, uint32_t storm)
{
    wave_stats_leave(place, record);
    lose(place, record, storm, CLASS_NONE, clock_unix_ms());
}

void wave_stats_attempt(const struct stat_place *place, const struct stream_record *record)
{
    struct wave *wave = wave_of(place, record);

    if (wave)
        wave_attempt(wave, clock_unix_ms());
}

void wave_stats_answer(const struct stat_place *place, const struct stream_record *record,
                       int status)
{
    wave_answer(wave_of(place, record), status);
}

void wave_stats_fail(const struct stat_place *place, const struct stream_record *record,
                     enum error_class error_class)
{
    struct wave *wave = wave_of(place, record);

    if (wave && error_class != CLASS_NONE)
        wave->failures[error_class]++;
}

void wave_stats_retry_after(const struct stat_place *place, const struct stream_record *record,
                            bool is_honoured)
{
    struct wave *wave = wave_of(place, record);

    if (!wave)
        return;
    wave->retry_after_seen++;
    wave->retry_after_honoured += is_honoured;
}

void wave_stats_give_up(const struct stat_place *place, const struct stream_record *record)
{
    struct wave *wave = wave_of(place, record);

    if (wave)
        wave->gave_up++;
}

void wave_stats_leave(const struct stat_place *place, struct stream_record *record)
{
    struct wave *wave = wave_of(place, record);

    if (wave)
        wave->left++;
    delivery_come_back(record->delivery);
}

void wave_stats_come_back(const struct stat_place *place, struct stream_record *record,
                          uint64_t now_ns)
{
    const struct waves *waves = stats_waves(place->stats);
    struct wave *wave = wave_of(place, record);

    if (wave)
        wave_come_back(wave, waves_after_ns(waves, wave->key, now_ns, clock_unix_ms()));
    delivery_come_back(record->delivery);
}
