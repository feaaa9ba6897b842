/*
 * fuzz/fuzz_tokens.c - events of a model's stream: the same chunk each time, messages that fit a
 * line, figures that agree with the chunks.
 *
 * Each line of the input is the data of one event of one stream; a line that starts with '!' is
 * that of an event named "error".
 */
#include "base/clock.h"
#include "base/mem.h"
#include "load/plan.h"
#include "load/tokens.h"

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

struct tally {
    uint64_t texts, failures, usages;
    uint32_t last_usage;
};

static void require(bool holds, const char *what)
{
    if (!holds) {
        (void)fprintf(stderr, "%s\n", what);
        abort();
    }
}

static void check_chunk(const struct tokens *tokens, const struct sse_event *event,
                        struct tally *tally)
{
    struct tokens_chunk chunk, again;

    (void)memset(&chunk, 0, sizeof chunk);
    (void)memset(&again, 0, sizeof again);
    tokens_read(tokens, event, &chunk);
    tokens_read(tokens, event, &again);
    require(memcmp(&chunk, &again, sizeof chunk) == 0, "two readings differ");
    require(memchr(chunk.message, '\0', sizeof chunk.message) != NULL, "a message without its end");
    for (const char *at = chunk.message; *at; at++)
        require((unsigned char)*at >= ' ' && *at != '\x7f', "a message with a control character");
    require(chunk.has_error || chunk.message[0] == '\0', "a message without an error");
    require(chunk.has_usage || chunk.token_count == 0, "a count without usage");
    tally->texts += chunk.has_text;
    tally->failures += chunk.has_error;
    tally->usages += chunk.has_usage;
    if (chunk.has_usage)
        tally->last_usage = chunk.token_count;
}

static uint64_t samples(const struct stat_set *set, enum metric metric)
{
    const struct hist *hist = stat_get_trend(set, metric, NULL);

    return hist ? hist_count(hist) : 0;
}

static void check_figures(const struct stat_set *set, const struct tally *tally)
{
    uint64_t count = stat_get_count(set, METRIC_SSE_TOKENS, NULL);

    require(samples(set, METRIC_SSE_TTFT) == (tally->texts > 0), "first tokens");
    require(samples(set, METRIC_SSE_TTFT) + samples(set, METRIC_SSE_INTER_TOKEN) == tally->texts,
            "times between tokens");
    require(count == (tally->usages > 0 ? tally->last_usage : tally->texts), "tokens");
    require(samples(set, METRIC_SSE_TOKENS_PER_S) <= 1, "speeds");
}

static void feed(const struct stat_place *place, const uint8_t *bytes, size_t len)
{
    static const uint8_t name[] = "error";
    struct stream_record record = {.attempt_began_ns = CLOCK_NS_PER_S};
    struct tally tally = {0};
    uint64_t now_ns = 2 * CLOCK_NS_PER_S;

    while (len > 0) {
        const uint8_t *end = memchr(bytes, '\n', len);
        size_t line = end ? (size_t)(end - bytes) : len;
        bool is_named = *bytes == '!';
        struct sse_event event = {.data = bytes + is_named, .data_bytes = line - is_named};

        if (is_named) {
            event.name = name;
            event.name_bytes = sizeof name - 1;
        }
        if (event.data_bytes != 6 || memcmp(event.data, "[DONE]", 6) != 0) {
            uint64_t failures = tally.failures;

            check_chunk(place->tokens, &event, &tally);
            require((tokens_event(place, &record, &event, now_ns) != NULL) ==
                        (tally.failures > failures),
                    "an error untold");
        } else {
            require(!tokens_event(place, &record, &event, now_ns), "an end that is an error");
        }
        now_ns += CLOCK_NS_PER_MS;
        bytes += line + (end != NULL);
        len -= line + (end != NULL);
    }
    tokens_end(place, &record);
    require(!record.tokens, "kept behind the end");
    check_figures(place->set, &tally);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    struct plan *plan = plan_new();
    struct stats *stats = stats_new();
    struct stat_place place = stat_place_of(stats, NULL, "POST", "/");

    plan->profile = PLAN_PROFILE_OPENAI;
    plan->end_data = x_strdup("[DONE]");
    place.tokens = tokens_new(plan);
    feed(&place, bytes, len);
    tokens_free(place.tokens);
    stats_free(stats);
    plan_free(plan);
    return 0;
}
