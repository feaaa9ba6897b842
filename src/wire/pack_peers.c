#include "wire/pack_peers.h"

#include "base/mem.h"

enum { REPORT_FIELDS = 11, ROW_FIELDS = 12, HOLE_FIELDS = 5 };

enum { MARK_REPEATED = 1, MARK_REPLAY = 2, MARK_MORE = 4, MARK_MAX = 7 };

/* --- writing --- */

static void pack_row(struct buf *out, const struct peer_row *row, uint64_t now_ns)
{
    unsigned marks = (row->is_repeated ? MARK_REPEATED : 0U) | (row->is_replay ? MARK_REPLAY : 0U) |
                     (row->is_more ? MARK_MORE : 0U);

    pack_uint(out, row->hash);
    pack_uint(out, row->number == PEER_NO_NUMBER ? 0 : row->number + 1);
    pack_uint(out, now_ns - row->first_ns);
    pack_uint(out, row->last_ns - row->first_ns);
    pack_uint(out, row->kind);
    pack_uint(out, row->got);
    pack_uint(out, row->missing);
    pack_uint(out, row->missing_resume);
    pack_uint(out, row->started);
    pack_uint(out, row->resumed);
    pack_uint(out, row->present);
    pack_uint(out, marks);
}

static void pack_report(struct buf *out, const struct peer_report *report, uint64_t now_ns)
{
    pack_array(out, REPORT_FIELDS);
    pack_uint(out, report->key);
    pack_text(out, report->method);
    pack_text(out, report->name);
    pack_uint(out, report->since_ns);
    pack_uint(out, report->told_ns);
    pack_uint(out, report->stream_count);
    pack_uint(out, report->missed_count);
    pack_bool(out, report->is_gone);
    pack_bool(out, report->has_gap);
    pack_array(out, report->row_count * ROW_FIELDS);
    for (size_t i = 0; i < report->row_count; i++)
        pack_row(out, &report->rows[i], now_ns);
    pack_array(out, report->hole_count * HOLE_FIELDS);
    for (size_t i = 0; i < report->hole_count; i++) {
        pack_uint(out, report->holes[i].number);
        pack_uint(out, report->holes[i].steady);
        pack_uint(out, report->holes[i].alone);
        pack_uint(out, report->holes[i].resume);
        pack_uint(out, report->holes[i].wave);
    }
}

void pack_peers(struct buf *out, const struct peer_digest *digest)
{
    pack_uint(out, digest->now_ns);
    pack_array(out, digest->count);
    for (size_t i = 0; i < digest->count; i++)
        pack_report(out, digest->reports[i], digest->now_ns);
}

/* --- reading --- */

static void expect(struct unpack *unpack, bool holds)
{
    if (!holds)
        unpack->failed = true;
}

/* How many groups of `fields` members an array has. */
static size_t unpack_groups(struct unpack *unpack, size_t fields)
{
    size_t count = unpack_array(unpack);

    expect(unpack, count % fields == 0 && count / fields <= PEER_ROW_LIMIT);
    return count / fields;
}

static uint32_t unpack_count(struct unpack *unpack)
{
    return (uint32_t)unpack_uint_max(unpack, UINT32_MAX);
}

static void unpack_row(struct unpack *unpack, struct peer_report *report, uint64_t now_ns)
{
    struct peer_row row = {.hash = unpack_uint(unpack)};
    uint64_t age_ns, spread_ns, marks;

    row.number = unpack_uint(unpack) - 1; /* 0 becomes PEER_NO_NUMBER */
    age_ns = unpack_uint_max(unpack, now_ns);
    spread_ns = unpack_uint_max(unpack, age_ns);
    row.first_ns = now_ns - age_ns;
    row.last_ns = row.first_ns + spread_ns;
    row.kind = unpack_count(unpack);
    row.got = unpack_count(unpack);
    row.missing = unpack_count(unpack);
    row.missing_resume = unpack_count(unpack);
    row.started = unpack_count(unpack);
    row.resumed = unpack_count(unpack);
    row.present = unpack_count(unpack);
    marks = unpack_uint_max(unpack, MARK_MAX);
    row.is_repeated = (marks & MARK_REPEATED) != 0;
    row.is_replay = (marks & MARK_REPLAY) != 0;
    row.is_more = (marks & MARK_MORE) != 0;
    if (!unpack->failed)
        (void)peer_report_add_row(report, &row);
}

static void unpack_hole(struct unpack *unpack, struct peer_report *report)
{
    struct peer_hole hole = {.number = unpack_uint_max(unpack, PEER_NO_NUMBER - 1)};

    hole.steady = unpack_count(unpack);
    hole.alone = unpack_count(unpack);
    hole.resume = unpack_count(unpack);
    hole.wave = unpack_count(unpack);
    if (!unpack->failed)
        (void)peer_report_add_hole(report, &hole);
}

static void unpack_report(struct unpack *unpack, struct peer_report *report, uint64_t now_ns)
{
    size_t count;

    expect(unpack, unpack_array(unpack) == REPORT_FIELDS);
    report->key = unpack_uint(unpack);
    report->method = report->texts[0] = unpack_text(unpack);
    report->name = report->texts[1] = unpack_text(unpack);
    expect(unpack, report->method && report->name);
    report->since_ns = unpack_uint_max(unpack, now_ns);
    report->told_ns = unpack_uint_max(unpack, now_ns);
    report->stream_count = unpack_count(unpack);
    report->missed_count = unpack_count(unpack);
    report->is_gone = unpack_bool(unpack);
    report->has_gap = unpack_bool(unpack);
    count = unpack_groups(unpack, ROW_FIELDS);
    for (size_t i = 0; i < count && !unpack->failed; i++)
        unpack_row(unpack, report, now_ns);
    count = unpack_groups(unpack, HOLE_FIELDS);
    for (size_t i = 0; i < count && !unpack->failed; i++)
        unpack_hole(unpack, report);
}

void unpack_peers(struct unpack *unpack, struct peer_digest *digest)
{
    size_t count;

    digest->now_ns = unpack_uint(unpack);
    count = unpack_array(unpack);
    expect(unpack, count <= PEER_KEY_LIMIT);
    for (size_t i = 0; i < count && !unpack->failed; i++) {
        digest->reports[digest->count] = x_calloc(1, sizeof(struct peer_report));
        unpack_report(unpack, digest->reports[digest->count++], digest->now_ns);
    }
}
