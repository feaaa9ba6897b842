#include "base/list.h"
#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

struct item {
    char letter;
    struct list node;
};

/* The letters in order, and that the way back meets the same nodes. */
static void expect_letters(struct list *head, const char *expected)
{
    char letters[16];
    size_t len = 0;

    for (struct list *node = head->next; node != head; node = node->next) {
        assert_ptr_equal(node->next->prev, node);
        letters[len++] = CONTAINER_OF(node, struct item, node)->letter;
    }
    letters[len] = '\0';
    assert_string_equal(letters, expected);
    assert_int_equal(list_empty(head), len == 0);
}

static void fill(struct list *head, struct item *items, const char *letters)
{
    list_init(head);
    for (size_t i = 0; letters[i] != '\0'; i++) {
        items[i].letter = letters[i];
        list_append(head, &items[i].node);
    }
}

static void nodes_keep_their_order(void **state)
{
    struct item items[3];
    struct list head;

    (void)state;
    list_init(&head);
    expect_letters(&head, "");
    fill(&head, items, "abc");
    expect_letters(&head, "abc");
}

static void a_node_can_be_removed_twice(void **state)
{
    struct item items[3];
    struct list head;

    (void)state;
    fill(&head, items, "abc");
    list_remove(&items[1].node);
    list_remove(&items[1].node);
    expect_letters(&head, "ac");
    list_remove(&items[0].node);
    list_remove(&items[2].node);
    expect_letters(&head, "");
    list_append(&head, &items[1].node);
    expect_letters(&head, "b");
}

static void splicing_moves_everything_to_the_end(void **state)
{
    struct item items[2], others[2];
    struct list head, more;

    (void)state;
    fill(&head, items, "ab");
    fill(&more, others, "cd");
    list_splice(&head, &more);
    expect_letters(&head, "abcd");
    expect_letters(&more, "");
    list_splice(&head, &more);
    expect_letters(&head, "abcd");
    list_splice(&more, &head);
    expect_letters(&more, "abcd");
    expect_letters(&head, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nodes_keep_their_order),
        cmocka_unit_test(a_node_can_be_removed_twice),
        cmocka_unit_test(splicing_moves_everything_to_the_end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
