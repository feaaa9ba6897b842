#include "base/near.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>
#include <strings.h>

enum { NEAR_SHARE = 3, NEAR_PREFIX_MIN_BYTES = 3 };

static size_t smaller(size_t left, size_t right)
{
    return left < right ? left : right;
}

static bool same_letter(char left, char right)
{
    return tolower((unsigned char)left) == tolower((unsigned char)right);
}

size_t near_distance(const char *left, size_t left_len, const char *right, size_t right_len)
{
    size_t rows[3][NEAR_NAME_LIMIT_BYTES + 1];
    size_t *before = rows[0], *last = rows[1], *row = rows[2];

    if (left_len > NEAR_NAME_LIMIT_BYTES || right_len > NEAR_NAME_LIMIT_BYTES)
        return left_len > right_len ? left_len : right_len;
    for (size_t j = 0; j <= right_len; j++)
        row[j] = j;
    for (size_t i = 1; i <= left_len; i++) {
        size_t *oldest = before;

        before = last;
        last = row;
        row = oldest;
        row[0] = i;
        for (size_t j = 1; j <= right_len; j++) {
            size_t change = same_letter(left[i - 1], right[j - 1]) ? 0 : 1;

            row[j] = smaller(smaller(last[j], row[j - 1]) + 1, last[j - 1] + change);
            if (i > 1 && j > 1 && same_letter(left[i - 1], right[j - 2]) &&
                same_letter(left[i - 2], right[j - 1]))
                row[j] = smaller(row[j], before[j - 2] + 1);
        }
    }
    return row[right_len];
}

void near_offer(struct near *near, const char *candidate)
{
    size_t len = strlen(candidate);
    size_t distance = near_distance(near->wanted, near->wanted_len, candidate, len);
    size_t allowed = (len > near->wanted_len ? len : near->wanted_len) / NEAR_SHARE;

    if (near->wanted_len >= NEAR_PREFIX_MIN_BYTES && near->wanted_len <= len &&
        strncasecmp(near->wanted, candidate, near->wanted_len) == 0)
        distance = 1;
    else if (distance > allowed)
        return;
    if (near->best_distance == 0 || distance < near->best_distance) {
        near->best = candidate;
        near->best_distance = distance;
    } else if (distance == near->best_distance) {
        near->best = NULL; /* two are alike: naming one of them would be a guess */
    }
}
