#include "sse/audit.h"

#include "base/hash.h"

#include <assert.h>

enum audit_mode {
    MODE_EMPTY = 0,
    MODE_NUMBERS, /* dense, or not yet known */
    MODE_VALUES,  /* sparse */
    MODE_HASHES   /* no order */
};

/* The first number of a pair from here on is a time, in seconds or finer: such a pair is judged as
 * sparse from the start, however many events share their second. */
static const uint64_t TIME_MIN = 1000000000;
/* A single number between these is a time in seconds, of the years 2017 to 2049: however regularly
 * they follow, a second without an event is no loss. Finer ones do not follow on each other. */
static const uint64_t SECONDS_MIN = 1500000000, SECONDS_MAX = 2500000000;

static enum audit_where where_of(const struct audit *audit)
{
    return audit->is_behind_seam ? AUDIT_RESUME : AUDIT_STREAM;
}

/* A new event: if it is the first one behind a resume, that has succeeded. */
static void pass_seam(struct audit *audit, const struct audit_sink *sink)
{
    if (!audit->is_behind_seam)
        return;
    audit->is_behind_seam = false;
    sink->tally->resumes++;
    if (audit->repeat_count == 1 && audit->repeats_last)
        sink->tally->inclusive++;
}

static void note_repeat(struct audit *audit, bool is_last)
{
    if (audit->repeat_count < 2)
        audit->repeat_count++;
    audit->repeats_last = is_last;
}

/* --- dense numbers --- */

struct hole_ctx {
    struct audit *audit;
    const struct audit_sink *sink;
};

/* Both ends of a resume's gap were received, so no range reaches beyond them. */
static void on_hole(void *ctx, uint64_t from, uint64_t to)
{
    const struct hole_ctx *hole = ctx;
    struct audit *audit = hole->audit;
    const struct audit_numbers *numbers = &audit->numbers;
    bool is_inside = audit->has_seam && from > numbers->seam_before &&
                     (audit->is_behind_seam || from < numbers->seam_behind);

    audit->has_hole = true;
    hole->sink->on_hole(hole->sink->ctx, from, to, is_inside ? AUDIT_RESUME : AUDIT_STREAM);
}

/* The numbers begin anew; what was open is decided. The evidence stays: it is the stream's. */
static void close_numbers(struct audit *audit, const struct audit_sink *sink)
{
    struct audit_numbers *numbers = &audit->numbers;
    struct hole_ctx hole = {audit, sink};

    window_close(&numbers->window, on_hole, &hole);
    numbers->run_count = 0;
    audit->has_seam = false;
    audit->has_hole = false;
    audit->is_behind_seam = false;
}

/* `count` duplicates, of which only the numbers are known. */
static void doubt(const struct audit_sink *sink, uint64_t count)
{
    if (sink->order->kind == ORDER_UNKNOWN)
        sink->tally->doubtful += count;
}

/* A run that has come to its end was a replay, or outside of resumes one old event. */
static void end_run(struct audit *audit, const struct audit_sink *sink)
{
    struct audit_numbers *numbers = &audit->numbers;
    uint32_t count = numbers->run_count;

    if (count == 0)
        return;
    numbers->run_count = 0;
    if (audit->is_behind_seam) {
        sink->tally->duplicates[AUDIT_RESUME] += count;
        note_repeat(audit, numbers->run_first == numbers->seam_before);
        if (count > 1)
            note_repeat(audit, false);
    } else if (audit->has_hole || numbers->run_first < numbers->window.first) {
        sink->tally->reordered[AUDIT_STREAM] += count;
    } else {
        sink->tally->duplicates[AUDIT_STREAM] += count;
        doubt(sink, count);
    }
}

/* The run, which `number` continues, is a new sequence. */
static void reset_to_run(struct audit *audit, const struct audit_sink *sink, uint64_t number,
                         uint32_t content)
{
    struct audit_numbers *numbers = &audit->numbers;
    uint64_t span = number - numbers->run_first + 1;

    sink->tally->resets++;
    close_numbers(audit, sink);
    numbers->window = (struct window){
        .first = numbers->run_first,
        .highest = number,
        .seen = span >= WINDOW_SPAN ? UINT64_MAX : ((uint64_t)1 << span) - 1,
    };
    numbers->content = content;
}

/* The last number before has come again, with another event than the stream had. */
static bool is_other_event(const struct audit *audit, const struct audit_sink *sink,
                           uint64_t number, uint32_t content)
{
    const struct audit_numbers *numbers = &audit->numbers;

    return number == numbers->window.highest && numbers->content != 0 &&
           content != numbers->content && sink->order->kind != ORDER_DECLARED;
}

static void add_to_run(struct audit *audit, const struct audit_sink *sink, uint64_t number,
                       uint32_t content, bool is_settled)
{
    struct audit_numbers *numbers = &audit->numbers;
    bool may_be_replay =
        audit->is_behind_seam && !is_settled && !is_other_event(audit, sink, number, content);

    if (numbers->run_count > 0 && !may_be_replay && number == numbers->run_last + 1) {
        reset_to_run(audit, sink, number, content);
        return;
    }
    if (!audit->is_behind_seam)
        end_run(audit, sink);
    if (numbers->run_count == 0)
        numbers->run_first = number;
    numbers->run_last = number;
    if (numbers->run_count < UINT32_MAX)
        numbers->run_count++;
}

static void add_step(struct audit *audit, const struct audit_sink *sink, uint64_t number,
                     bool is_linked, bool is_backward)
{
    struct order_step step = {number, is_linked, is_backward};

    if (sink->order->kind == ORDER_UNKNOWN) /* asked here too: it is asked for every event */
        order_add(sink->order, &audit->numbers.evidence, &step);
}

/* A gap of the window was filled. */
static void take_late(struct audit *audit, const struct audit_sink *sink, uint64_t number)
{
    struct audit_numbers *numbers = &audit->numbers;
    const struct window *window = &numbers->window;
    uint64_t behind = window->highest - number;
    bool has_predecessor = behind < WINDOW_SPAN - 1 && window->seen >> (behind + 1) & 1;
    bool has_successor = behind > 0 && window->seen >> (behind - 1) & 1;

    sink->tally->reordered[where_of(audit)]++;
    add_step(audit, sink, number, has_predecessor, true);
    if (has_successor && number + 1 != window->first)
        order_link(sink->order, &numbers->evidence);
}

static void take_new(struct audit *audit, const struct audit_sink *sink, uint64_t number,
                     bool is_next)
{
    add_step(audit, sink, number, is_next, false);
    end_run(audit, sink);
    if (audit->is_behind_seam)
        audit->numbers.seam_behind = number;
    pass_seam(audit, sink);
}

/* Another sequence, which begins with this id. */
static void restart(struct audit *audit, const struct audit_sink *sink, const struct event_id *id)
{
    end_run(audit, sink);
    close_numbers(audit, sink);
    audit->shape = (uint8_t)id->shape;
    audit->numbers.group = id->group;
    (void)window_add(&audit->numbers.window, id->number, NULL, NULL);
}

static void change_group(struct audit *audit, const struct audit_sink *sink,
                         const struct event_id *id)
{
    bool is_pair = id->shape == EVENT_ID_PAIR && audit->shape == EVENT_ID_PAIR;

    bool is_higher = id->group > audit->numbers.group;

    /* Back to a smaller one: these are places, such as partitions, and no order of all events. */
    if (is_pair && is_higher)
        add_step(audit, sink, id->number, false, false);
    else
        order_add_text(sink->order);
    if (!is_pair || (is_higher && id->number <= 1))
        sink->tally->resets++;
    restart(audit, sink, id);
}

/* Inside the window, and seen before. */
static void take_repeated(struct audit *audit, const struct audit_sink *sink, uint64_t number,
                          uint32_t content, bool is_settled)
{
    struct audit_numbers *numbers = &audit->numbers;

    if (audit->is_behind_seam) {
        if (numbers->run_count == 0 && is_other_event(audit, sink, number, content))
            numbers->content = content; /* no repeat of the event that the stream had */
        else
            add_to_run(audit, sink, number, content, is_settled);
        return;
    }
    end_run(audit, sink);
    if (number != numbers->window.highest) {
        sink->tally->duplicates[AUDIT_STREAM]++;
        doubt(sink, 1);
    } else if (content == numbers->content || sink->order->kind == ORDER_DECLARED) {
        sink->tally->duplicates[AUDIT_STREAM]++;
    }
    if (number == numbers->window.highest)
        numbers->content = content;
}

static void add_number(struct audit *audit, const struct audit_sink *sink,
                       const struct event_id *id, uint32_t content, bool is_settled)
{
    struct audit_numbers *numbers = &audit->numbers;
    struct hole_ctx hole = {audit, sink};

    if (numbers->window.seen != 0 &&
        (id->group != numbers->group || (uint8_t)id->shape != audit->shape)) {
        change_group(audit, sink, id);
        numbers->content = content;
        return;
    }
    switch (window_add(&numbers->window, id->number, on_hole, &hole)) {
    case WINDOW_NONE:
        break;
    case WINDOW_FIRST:
        numbers->group = id->group;
        numbers->content = content;
        audit->shape = (uint8_t)id->shape;
        break;
    case WINDOW_NEXT:
        take_new(audit, sink, id->number, true);
        numbers->content = content;
        break;
    case WINDOW_GAP:
        take_new(audit, sink, id->number, false);
        numbers->content = content;
        break;
    case WINDOW_LATE:
        if (audit->is_behind_seam && id->number < numbers->window.first) {
            add_to_run(audit, sink, id->number, content, is_settled); /* of before the stream */
            break;
        }
        if (!audit->is_behind_seam)
            end_run(audit, sink);
        take_late(audit, sink, id->number);
        break;
    case WINDOW_REPEATED:
        take_repeated(audit, sink, id->number, content, is_settled);
        break;
    case WINDOW_BEHIND:
        if (!audit->is_behind_seam)
            add_step(audit, sink, id->number, false, true);
        add_to_run(audit, sink, id->number, content, is_settled);
        break;
    case WINDOW_JUMP:
        add_step(audit, sink, id->number, false, false);
        sink->tally->resets++;
        restart(audit, sink, id);
        numbers->content = content;
        break;
    }
}

/* --- sparse values, and ids without order --- */

static bool is_recent(const struct audit *audit, uint64_t hash)
{
    for (unsigned i = 0; i < audit->recent_filled; i++) {
        if (audit->recent.hashes[i] == hash)
            return true;
    }
    return false;
}

static bool is_latest(const struct audit *audit, uint64_t hash)
{
    unsigned latest = (audit->recent_at + AUDIT_RECENT_COUNT - 1U) % AUDIT_RECENT_COUNT;

    return audit->recent_filled > 0 && audit->recent.hashes[latest] == hash;
}

static void push_recent(struct audit *audit, uint64_t hash)
{
    audit->recent.hashes[audit->recent_at] = hash;
    audit->recent_at = (uint8_t)((audit->recent_at + 1) % AUDIT_RECENT_COUNT);
    if (audit->recent_filled < AUDIT_RECENT_COUNT)
        audit->recent_filled++;
}

static void repeat(struct audit *audit, const struct audit_sink *sink, bool is_last)
{
    sink->tally->duplicates[where_of(audit)]++;
    if (audit->is_behind_seam)
        note_repeat(audit, is_last);
}

static void add_hash(struct audit *audit, const struct audit_sink *sink, uint64_t hash)
{
    if (is_recent(audit, hash)) {
        repeat(audit, sink, is_latest(audit, hash));
        return;
    }
    push_recent(audit, hash);
    pass_seam(audit, sink);
}

/* Whether both belong to one order of values. */
static bool compares(const struct audit *audit, const struct event_id *id)
{
    return (uint8_t)id->shape == audit->shape &&
           (id->shape != EVENT_ID_PREFIXED || id->group == audit->recent.group);
}

static void add_value(struct audit *audit, const struct audit_sink *sink, const struct event_id *id,
                      uint64_t hash)
{
    struct audit_recent *recent = &audit->recent;
    bool is_higher = !compares(audit, id) || id->group > recent->group ||
                     (id->group == recent->group && id->number > recent->number);
    bool is_same = id->group == recent->group && id->number == recent->number;

    if (sink->order->kind == ORDER_UNKNOWN)
        order_add_time(sink->order, !is_higher && !is_same && !audit->is_behind_seam);
    if (is_higher) {
        audit->shape = (uint8_t)id->shape;
        recent->group = id->group;
        recent->number = id->number;
        push_recent(audit, hash);
        pass_seam(audit, sink);
    } else if (audit->is_behind_seam || is_recent(audit, hash)) {
        repeat(audit, sink, is_same);
    } else {
        sink->tally->reordered[AUDIT_STREAM] += !is_same;
        push_recent(audit, hash);
    }
}

/* --- which of them --- */

static bool is_time(const struct event_id *id)
{
    return id->shape == EVENT_ID_PAIR ? id->group >= TIME_MIN
                                      : id->number >= SECONDS_MIN && id->number < SECONDS_MAX;
}

static enum audit_mode mode_unknown(const struct audit *audit, const struct event_id *id)
{
    if (audit->mode == MODE_HASHES || id->shape == EVENT_ID_TEXT)
        return MODE_HASHES;
    return is_time(id) ? MODE_VALUES : MODE_NUMBERS;
}

static enum audit_mode mode_for(const struct audit *audit, enum order_kind kind,
                                const struct event_id *id)
{
    switch (kind) {
    case ORDER_UNKNOWN:
        return mode_unknown(audit, id);
    case ORDER_DENSE:
    case ORDER_DECLARED:
        return MODE_NUMBERS;
    case ORDER_SPARSE:
        return MODE_VALUES;
    case ORDER_NONE:
        break;
    }
    return MODE_HASHES;
}

/* The order was found, or a text came among numbers. Nothing is missed in what is left behind. */
static void change_mode(struct audit *audit, enum audit_mode mode)
{
    struct audit_recent recent = {0};
    bool keeps_value = audit->mode == MODE_NUMBERS && mode == MODE_VALUES;

    if (audit->mode == MODE_EMPTY && mode == MODE_NUMBERS) { /* perhaps with evidence */
        audit->mode = MODE_NUMBERS;
        return;
    }
    if (keeps_value) {
        recent.group = audit->numbers.group;
        recent.number = audit->numbers.window.highest;
    }
    *audit = (struct audit){
        .mode = (uint8_t)mode,
        .shape = keeps_value ? audit->shape : (uint8_t)EVENT_ID_TEXT,
        .is_behind_seam = audit->is_behind_seam,
    };
    if (mode != MODE_NUMBERS)
        audit->recent = recent;
}

bool audit_add(struct audit *audit, const struct audit_sink *sink, const struct audit_id *given)
{
    struct event_id id = event_id_read(given->text, given->len);
    enum audit_mode mode;

    if (id.shape == EVENT_ID_TEXT)
        order_add_text(sink->order);
    mode = mode_for(audit, sink->order->kind, &id);
    if (id.shape == EVENT_ID_TEXT && mode != MODE_HASHES)
        return false;
    if (mode != (enum audit_mode)audit->mode)
        change_mode(audit, mode);
    sink->tally->received++;
    switch (mode) {
    case MODE_EMPTY:
        assert(false);
        break;
    case MODE_NUMBERS:
        add_number(audit, sink, &id, (uint32_t)given->content, given->is_settled);
        break;
    case MODE_VALUES:
        add_value(audit, sink, &id, hash_bytes(given->text, given->len, given->content));
        break;
    case MODE_HASHES:
        add_hash(audit, sink, hash_bytes(given->text, given->len, given->content));
        break;
    }
    return true;
}

/* --- connections --- */

/* No new event has come since the resume, and the connection is gone: what it repeated, if it was
 * exactly the event of Last-Event-ID, was an inclusive replay. */
static void settle_seam(struct audit *audit, const struct audit_sink *sink)
{
    const struct audit_numbers *numbers = &audit->numbers;

    if (audit->mode == MODE_NUMBERS && numbers->run_count == 1 &&
        numbers->run_first == numbers->seam_before)
        end_run(audit, sink);
    if (audit->repeat_count == 1 && audit->repeats_last)
        pass_seam(audit, sink);
}

static void resume_numbers(struct audit *audit, const struct audit_sink *sink)
{
    struct audit_numbers *numbers = &audit->numbers;
    struct hole_ctx hole = {audit, sink};

    end_run(audit, sink);
    /* Of one seam alone the numbers are kept: what is open around an older one is decided. */
    if (audit->has_seam && numbers->window.highest - numbers->seam_behind < WINDOW_SPAN)
        window_settle(&numbers->window, on_hole, &hole);
    audit->has_seam = true;
    numbers->seam_before = numbers->window.highest;
}

static void end_numbers(struct audit *audit, const struct audit_sink *sink)
{
    struct audit_numbers *numbers = &audit->numbers;

    if (audit->is_behind_seam && numbers->run_count > 0 &&
        numbers->run_last != numbers->seam_before)
        sink->tally->resets++; /* a replay would have reached what was seen last */
    else
        end_run(audit, sink);
    close_numbers(audit, sink);
}

void audit_move(struct audit *audit, const struct audit_sink *sink, const uint8_t *text, size_t len)
{
    struct event_id id = event_id_read(text, len);
    struct audit_numbers *numbers = &audit->numbers;

    if (audit->mode != MODE_NUMBERS || id.shape == EVENT_ID_TEXT ||
        ((uint8_t)id.shape == audit->shape && id.group == numbers->group &&
         id.number <= numbers->window.highest))
        return;
    if (audit->is_behind_seam)
        settle_seam(audit, sink);
    end_run(audit, sink);
    close_numbers(audit, sink);
    audit->shape = (uint8_t)id.shape;
    numbers->group = id.group;
    numbers->content = 0;
    (void)window_add(&numbers->window, id.number, NULL, NULL);
}

void audit_reconnect(struct audit *audit, const struct audit_sink *sink, bool is_resumed)
{
    struct order_evidence evidence;

    if (audit->mode == MODE_EMPTY)
        return;
    if (audit->is_behind_seam)
        settle_seam(audit, sink);
    if (!is_resumed) {
        evidence =
            audit->mode == MODE_NUMBERS ? audit->numbers.evidence : (struct order_evidence){0};
        audit_end(audit, sink);
        audit->numbers.evidence = evidence;
    } else if (!audit->is_behind_seam) { /* else a replay that was cut goes on */
        if (audit->mode == MODE_NUMBERS)
            resume_numbers(audit, sink);
        audit->is_behind_seam = true;
        audit->repeat_count = 0;
    }
}

void audit_end(struct audit *audit, const struct audit_sink *sink)
{
    if (audit->is_behind_seam)
        settle_seam(audit, sink);
    if (audit->mode == MODE_NUMBERS)
        end_numbers(audit, sink);
    *audit = (struct audit){0};
}

uint64_t audit_group(const struct audit *audit)
{
    return audit->numbers.group;
}
