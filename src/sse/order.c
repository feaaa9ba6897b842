#include "sse/order.h"

enum {
    SPARSE_STEPS_MIN = 32, /* on one stream */
    NONE_STEPS_MIN = 32,   /* on all together */
    CONCLUDE_STEPS_MIN = 3,
    CONCLUDE_NONE_MIN = 16,
    DENSE_PCT = 80,
    SPARSE_PCT = 65,
    CONCLUDE_DENSE_PCT = 95,
    BACKWARD_PART = 4, /* one in so many at most, where there is an order */
    TEXT_PART = 16
};

const char *order_name(enum order_kind kind)
{
    switch (kind) {
    case ORDER_UNKNOWN:
        return "unknown";
    case ORDER_DENSE:
        return "dense";
    case ORDER_DECLARED:
        return "declared";
    case ORDER_SPARSE:
        return "sparse";
    case ORDER_NONE:
        return "none";
    }
    return "";
}

bool order_is_dense(enum order_kind kind)
{
    return kind == ORDER_DENSE || kind == ORDER_DECLARED;
}

static bool has_share(uint64_t part, uint64_t whole, unsigned pct)
{
    return part * 100 >= whole * pct;
}

/*
 * Of `steps` coin flips, `linked` or more heads come up in one of a million tries at most: 4.5
 * standard deviations above the half, that is linked >= steps / 2 + 2.25 * sqrt(steps). Needs 21.
 */
static bool is_proof(uint64_t steps, uint64_t linked)
{
    uint64_t over;

    if (steps == 0 || 2 * linked < steps)
        return false;
    over = 2 * linked - steps;
    if (over > UINT32_MAX / 2)
        return true;
    return 4 * over * over >= 81 * steps && has_share(linked, steps, DENSE_PCT);
}

static uint64_t count_all(const struct order *order)
{
    return order->steps + order->times + order->texts;
}

static bool has_order(const struct order *order)
{
    return order->backward <= (order->steps + order->times) / BACKWARD_PART &&
           order->texts <= count_all(order) / TEXT_PART;
}

static void decide(struct order *order, const struct order_evidence *stream)
{
    if (!has_order(order)) {
        if (count_all(order) >= NONE_STEPS_MIN)
            order->kind = ORDER_NONE;
    } else if (order->times > order->steps) {
        if (order->times >= SPARSE_STEPS_MIN)
            order->kind = ORDER_SPARSE;
    } else if (has_share(order->linked, order->steps, DENSE_PCT)) {
        if (is_proof(stream->steps, stream->linked) ||
            is_proof(order->frontier.steps, order->frontier.linked))
            order->kind = ORDER_DENSE;
    } else if (stream->steps >= SPARSE_STEPS_MIN &&
               !has_share(order->linked, order->steps, SPARSE_PCT)) {
        order->kind = ORDER_SPARSE;
    }
}

static void count(struct order_evidence *evidence, bool is_linked)
{
    if (evidence->steps == UINT32_MAX)
        return;
    evidence->steps++;
    evidence->linked += is_linked;
}

void order_add(struct order *order, struct order_evidence *stream, const struct order_step *step)
{
    if (order->kind != ORDER_UNKNOWN)
        return;
    order->steps++;
    order->linked += step->is_linked;
    order->backward += step->is_backward;
    count(stream, step->is_linked);
    if (step->number > order->highest) {
        order->highest = step->number;
        count(&order->frontier, step->is_linked);
    }
    decide(order, stream);
}

void order_link(struct order *order, struct order_evidence *stream)
{
    if (order->kind != ORDER_UNKNOWN)
        return;
    if (order->linked < order->steps)
        order->linked++;
    if (stream->linked < stream->steps)
        stream->linked++;
}

void order_add_text(struct order *order)
{
    static const struct order_evidence nothing;

    if (order->kind != ORDER_UNKNOWN)
        return;
    order->texts++;
    decide(order, &nothing);
}

void order_add_time(struct order *order, bool is_backward)
{
    static const struct order_evidence nothing;

    if (order->kind != ORDER_UNKNOWN)
        return;
    order->times++;
    order->backward += is_backward;
    decide(order, &nothing);
}

/* On less than a single stream's proof: all there is, or nearly all of much. */
static bool seems_dense(const struct order *order)
{
    return order->linked == order->steps ||
           (is_proof(order->steps, order->linked) &&
            has_share(order->linked, order->steps, CONCLUDE_DENSE_PCT));
}

void order_conclude(struct order *order)
{
    if (order->kind != ORDER_UNKNOWN || count_all(order) < CONCLUDE_STEPS_MIN)
        return;
    if (!has_order(order))
        order->kind =
            order->texts > 0 || count_all(order) >= CONCLUDE_NONE_MIN ? ORDER_NONE : ORDER_UNKNOWN;
    else if (order->times > order->steps || !has_share(order->linked, order->steps, SPARSE_PCT))
        order->kind = ORDER_SPARSE;
    else if (seems_dense(order))
        order->kind = ORDER_DENSE;
}
