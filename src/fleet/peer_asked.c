#include "fleet/peer_asked.h"

#include "base/mem.h"
#include "fleet/peer_merge.h"
#include "stats/waves.h"

#include <math.h>
#include <stdlib.h>

enum { KNOWN_PLACES = 16384, FIRST_CAP = 64 };

struct peer_asked_number {
    uint64_t number;
    uint64_t asked_ns; /* last */
    size_t worker;
    uint32_t wave; /* of those on resume, as in struct peer_hole */
    uint64_t steady, alone, resume;
};

static int compare(const void *left, const void *right)
{
    const struct peer_asked_number *a = left, *b = right;

    if (a->number != b->number)
        return a->number < b->number ? -1 : 1;
    if (a->worker != b->worker)
        return a->worker < b->worker ? -1 : 1;
    return (a->wave > b->wave) - (a->wave < b->wave);
}

/* One entry a number, worker and wave, those of a number side by side. */
static void put_together(struct peer_asked *asked)
{
    struct peer_asked_number *numbers = asked->numbers;
    size_t kept = 0;

    if (asked->count == 0)
        return;
    qsort(numbers, asked->count, sizeof *numbers, compare);
    for (size_t i = 1; i < asked->count; i++) {
        struct peer_asked_number *last = &numbers[kept];

        if (compare(last, &numbers[i]) != 0) {
            numbers[++kept] = numbers[i];
            continue;
        }
        last->steady += numbers[i].steady;
        last->alone += numbers[i].alone;
        last->resume += numbers[i].resume;
        if (numbers[i].asked_ns > last->asked_ns)
            last->asked_ns = numbers[i].asked_ns;
    }
    asked->count = kept + 1;
}

static bool is_known(const struct peer_asked *asked, uint64_t number)
{
    return asked->known && asked->known[number % KNOWN_PLACES] == number + 1;
}

/* What all workers asked of one number. */
struct question {
    uint64_t steady, resume;
    uint64_t witnesses; /* streams that are known to have been open through it at once */
    uint64_t asked_ns;
    bool is_known;
};

static struct question add_up(const struct peer_asked *asked, const struct peer_asked_number *group,
                              size_t count)
{
    struct question question = {.is_known = is_known(asked, group->number)};

    for (size_t i = 0; i < count; i++) {
        question.steady += group[i].steady + group[i].alone;
        question.resume += group[i].resume;
        /* Streams that were alone may have come one after the other. */
        question.witnesses += group[i].steady + (group[i].alone > 0);
        if (group[i].asked_ns > question.asked_ns)
            question.asked_ns = group[i].asked_ns;
    }
    return question;
}

/* So many streams may have missed the same numbers by themselves. */
static bool may_be_chance(const struct peer_asked *asked, uint64_t streams)
{
    double receipts = (double)asked->known_count * asked->stream_count;
    double share = receipts > 0 ? (double)asked->missed_count / receipts : 0;
    double expected = (double)asked->known_count * pow(fmin(share, 1), (double)streams);

    return (double)asked->common_count <= PEER_ASKED_CHANCE * expected;
}

static void add_to_waves(struct waves *waves, const struct peer_asked_number *group, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct wave *wave = group[i].resume > 0 ? waves_find(waves, group[i].wave) : NULL;

        if (wave)
            wave->missed += group[i].resume;
    }
}

/* False: it is too early, or it is one stream's word and `judges_lonely` is false. */
static bool answer_one(struct peer_asked *asked, const struct question *question,
                       bool judges_lonely, struct peer_asked_answer *answer)
{
    bool is_lonely = !question->is_known && question->witnesses == 1, is_skipped = false;

    if (is_lonely && !judges_lonely)
        return false;
    if (question->is_known) {
        asked->missed_count += question->steady;
    } else if (is_lonely) {
        is_skipped =
            asked->common_count >= PEER_ASKED_GAPS_MIN && asked->common_count > asked->lonely_count;
        asked->lonely_count += !is_skipped;
    } else if (question->witnesses >= 2) {
        asked->common_count++;
        is_skipped = !may_be_chance(asked, question->witnesses);
    }
    if (is_skipped) {
        answer->skipped++;
        return true;
    }
    answer->missed += question->steady;
    answer->missed_resume += question->resume;
    return true;
}

static void answer_all(struct peer_asked *asked, uint64_t until_ns, bool judges_lonely,
                       struct peer_asked_answer *answer, struct waves *waves)
{
    size_t kept = 0, next;
    uint64_t skipped;

    for (size_t at = 0; at < asked->count; at = next) {
        struct question question;

        for (next = at + 1; next < asked->count; next++) {
            if (asked->numbers[next].number != asked->numbers[at].number)
                break;
        }
        question = add_up(asked, &asked->numbers[at], next - at);
        skipped = answer->skipped;
        if ((question.is_known || question.asked_ns <= until_ns) &&
            answer_one(asked, &question, judges_lonely, answer)) {
            if (answer->skipped == skipped)
                add_to_waves(waves, &asked->numbers[at], next - at);
            continue;
        }
        for (size_t i = at; i < next; i++)
            asked->numbers[kept++] = asked->numbers[i];
    }
    asked->count = kept;
}

void peer_asked_fini(struct peer_asked *asked)
{
    free(asked->known);
    free(asked->numbers);
    *asked = (struct peer_asked){0};
}

void peer_asked_note(struct peer_asked *asked, uint32_t stream_count, uint32_t missed_count)
{
    if (stream_count > asked->stream_count)
        asked->stream_count = stream_count;
    asked->missed_count += missed_count;
}

void peer_asked_know(struct peer_asked *asked, uint64_t number)
{
    if (!asked->known)
        asked->known = x_calloc(KNOWN_PLACES, sizeof *asked->known);
    asked->known_count += !is_known(asked, number);
    asked->known[number % KNOWN_PLACES] = number + 1;
}

void peer_asked_add(struct peer_asked *asked, size_t worker, const struct peer_hole *hole,
                    uint64_t now_ns)
{
    if (asked->count == PEER_MERGE_ASKED_LIMIT)
        return;
    if (asked->count == asked->cap) {
        asked->cap = asked->cap > 0 ? 2 * asked->cap : FIRST_CAP;
        asked->numbers = x_realloc(asked->numbers, asked->cap * sizeof *asked->numbers);
    }
    asked->numbers[asked->count++] = (struct peer_asked_number){.number = hole->number,
                                                                .asked_ns = now_ns,
                                                                .worker = worker,
                                                                .wave = hole->wave,
                                                                .steady = hole->steady,
                                                                .alone = hole->alone,
                                                                .resume = hole->resume};
}

struct peer_asked_answer peer_asked_judge(struct peer_asked *asked, uint64_t until_ns,
                                          struct waves *waves)
{
    struct peer_asked_answer answer = {0};

    put_together(asked);
    answer_all(asked, until_ns, false, &answer, waves);
    answer_all(asked, until_ns, true, &answer, waves);
    return answer;
}
