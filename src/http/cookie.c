#include "http/cookie.h"

#include "base/mem.h"

#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <libpsl.h>

struct entry {
    struct entry *next;
    double expires_unix_ms; /* 0: when the session ends */
    uint64_t used_turn;     /* the jar's turn when it was last set or sent */
    uint16_t name_bytes, value_bytes, domain_bytes, path_bytes;
    bool is_secure, is_http_only, is_host_only;
    char text[]; /* name, value, domain and path, each with a NUL */
};

struct cookie_jar {
    struct entry *first; /* in order of creation */
    uint64_t turn;
    size_t count;
};

_Static_assert(sizeof(struct entry) <= 40, "one for each cookie of each user");
_Static_assert(sizeof(struct cookie_jar) <= 24, "one for each user");

/* A cookie on its way into the jar. */
struct draft {
    struct cookie_text name, value, path;
    char domain[URL_HOST_LIMIT_BYTES + 1]; /* lower case */
    double expires_unix_ms;
    bool has_domain; /* somebody named it; else it is the host */
    bool is_secure, is_http_only, is_host_only;
};

static const char *value_of(const struct entry *entry)
{
    return entry->text + entry->name_bytes + 1;
}

static const char *domain_of(const struct entry *entry)
{
    return value_of(entry) + entry->value_bytes + 1;
}

static const char *path_of(const struct entry *entry)
{
    return domain_of(entry) + entry->domain_bytes + 1;
}

static bool is_same(const char *text, size_t len, struct cookie_text other)
{
    return len == other.len && memcmp(text, other.at, len) == 0;
}

static struct cookie_text request_path(const struct url *url)
{
    return (struct cookie_text){url->target, strcspn(url->target, "?")};
}

/* RFC 6265, section 5.1.4: the path up to its last slash, without it. */
static struct cookie_text default_path(const struct url *url)
{
    struct cookie_text path = request_path(url);

    while (path.len > 1 && path.at[path.len - 1] != '/')
        path.len--;
    if (path.len > 1)
        path.len--;
    return path;
}

/* RFC 6265, section 5.1.4. */
static bool path_matches(struct cookie_text path, const char *cookie_path, size_t len)
{
    if (path.len < len || memcmp(path.at, cookie_path, len) != 0)
        return false;
    return path.len == len || cookie_path[len - 1] == '/' || path.at[len] == '/';
}

/* No name ends in a label of digits; what does, and what has a colon, is an address. */
static bool is_address(const char *host)
{
    const char *dot = strrchr(host, '.');
    const char *label = dot ? dot + 1 : host;

    return strchr(host, ':') || (*label != '\0' && label[strspn(label, "0123456789")] == '\0');
}

/* RFC 6265, section 5.1.3. */
static bool domain_matches(const char *host, const char *domain)
{
    size_t host_bytes = strlen(host), domain_bytes = strlen(domain);

    if (host_bytes < domain_bytes || strcmp(host + host_bytes - domain_bytes, domain) != 0)
        return false;
    return host_bytes == domain_bytes ||
           (host[host_bytes - domain_bytes - 1] == '.' && !is_address(host));
}

/*
 * No cookie is for all names below such a domain: an address, a public suffix, and a name with a
 * dot at its end, of which the list of suffixes knows nothing.
 */
static bool is_alone(const char *domain)
{
    return is_address(domain) || domain[strlen(domain) - 1] == '.' ||
           psl_is_public_suffix(psl_builtin(), domain);
}

static bool is_secure_origin(const struct url *url)
{
    return url->scheme == URL_SCHEME_HTTPS || strcmp(url->host, "localhost") == 0 ||
           strcmp(url->host, "127.0.0.1") == 0 || strcmp(url->host, "::1") == 0;
}

static bool is_expired(double expires_unix_ms, double unix_ms)
{
    return expires_unix_ms != 0.0 && !(expires_unix_ms > unix_ms);
}

static void remove_at(struct cookie_jar *jar, struct entry **link)
{
    struct entry *entry = *link;

    assert(entry);
    *link = entry->next;
    free(entry);
    jar->count--;
}

static void remove_least_used(struct cookie_jar *jar)
{
    struct entry **least = &jar->first;

    for (struct entry **link = &jar->first; *link; link = &(*link)->next) {
        if ((*link)->used_turn < (*least)->used_turn)
            least = link;
    }
    remove_at(jar, least);
}

static char *put_text(char *to, const char *text, size_t len)
{
    memcpy(to, text, len);
    to[len] = '\0';
    return to + len + 1;
}

static struct entry *entry_new(const struct draft *draft)
{
    size_t domain_bytes = strlen(draft->domain);
    size_t text_bytes = draft->name.len + draft->value.len + domain_bytes + draft->path.len + 4;
    struct entry *entry = x_malloc(offsetof(struct entry, text) + text_bytes);
    char *to = entry->text;

    entry->next = NULL;
    entry->expires_unix_ms = draft->expires_unix_ms;
    entry->name_bytes = (uint16_t)draft->name.len;
    entry->value_bytes = (uint16_t)draft->value.len;
    entry->domain_bytes = (uint16_t)domain_bytes;
    entry->path_bytes = (uint16_t)draft->path.len;
    entry->is_secure = draft->is_secure;
    entry->is_http_only = draft->is_http_only;
    entry->is_host_only = draft->is_host_only;
    to = put_text(to, draft->name.at, draft->name.len);
    to = put_text(to, draft->value.at, draft->value.len);
    to = put_text(to, draft->domain, domain_bytes);
    (void)put_text(to, draft->path.at, draft->path.len);
    return entry;
}

/* Where the cookie that `draft` replaces hangs, or the end of the list. */
static struct entry **find_same(struct cookie_jar *jar, const struct draft *draft)
{
    struct entry **link = &jar->first;

    for (; *link; link = &(*link)->next) {
        const struct entry *entry = *link;

        if (entry->is_host_only == draft->is_host_only &&
            is_same(entry->text, entry->name_bytes, draft->name) &&
            is_same(path_of(entry), entry->path_bytes, draft->path) &&
            strcmp(domain_of(entry), draft->domain) == 0)
            break;
    }
    return link;
}

/* RFC 6265, section 5.3, steps 11 and 12. */
static enum cookie_status store(struct cookie_jar *jar, const struct draft *draft, double unix_ms)
{
    struct entry **link = find_same(jar, draft);
    struct entry *entry;

    if (is_expired(draft->expires_unix_ms, unix_ms)) {
        if (*link)
            remove_at(jar, link);
        return COOKIE_REMOVED;
    }
    entry = entry_new(draft);
    entry->used_turn = ++jar->turn;
    if (*link) {
        entry->next = (*link)->next;
        free(*link);
        *link = entry;
        return COOKIE_OK;
    }
    if (jar->count == COOKIE_JAR_LIMIT) {
        remove_least_used(jar);
        link = find_same(jar, draft);
    }
    *link = entry;
    jar->count++;
    return COOKIE_OK;
}

/* RFC 6265bis, section 5.7: an insecure origin must not shadow a Secure cookie. */
static bool hides_secure(const struct cookie_jar *jar, const struct draft *draft)
{
    for (const struct entry *entry = jar->first; entry; entry = entry->next) {
        if (entry->is_secure && is_same(entry->text, entry->name_bytes, draft->name) &&
            (domain_matches(domain_of(entry), draft->domain) ||
             domain_matches(draft->domain, domain_of(entry))) &&
            path_matches(draft->path, path_of(entry), entry->path_bytes))
            return true;
    }
    return false;
}

static bool starts_with(struct cookie_text text, const char *prefix)
{
    return text.len >= strlen(prefix) && strncasecmp(text.at, prefix, strlen(prefix)) == 0;
}

/* RFC 6265bis, section 4.1.3; any case, as servers may compare names without it. */
static bool keeps_promise(const struct draft *draft)
{
    if (starts_with(draft->name, "__Secure-"))
        return draft->is_secure;
    if (starts_with(draft->name, "__Host-"))
        return draft->is_secure && !draft->has_domain && is_same("/", 1, draft->path);
    return true;
}

/* ASCII without blanks and control characters, and not too long for a host. */
static bool copy_domain(struct draft *draft, struct cookie_text domain)
{
    if (domain.len == 0 || domain.len > URL_HOST_LIMIT_BYTES)
        return false;
    for (size_t i = 0; i < domain.len; i++) {
        char byte = domain.at[i];

        if (byte <= ' ' || byte >= 0x7f)
            return false;
        draft->domain[i] = byte >= 'A' && byte <= 'Z' ? (char)(byte - 'A' + 'a') : byte;
    }
    draft->domain[domain.len] = '\0';
    return true;
}

/* RFC 6265, section 5.3, steps 5 and 6. */
static bool set_domain(struct draft *draft, const char *host, struct cookie_text domain)
{
    draft->has_domain = domain.len > 0;
    if (!draft->has_domain) {
        draft->is_host_only = true;
        return copy_domain(draft, (struct cookie_text){host, strlen(host)});
    }
    if (!copy_domain(draft, domain) || !domain_matches(host, draft->domain))
        return false;
    draft->is_host_only = is_alone(draft->domain);
    return !draft->is_host_only || strcmp(host, draft->domain) == 0;
}

struct cookie_jar *cookie_jar_new(void)
{
    return x_calloc(1, sizeof(struct cookie_jar));
}

void cookie_jar_free(struct cookie_jar *jar)
{
    cookie_jar_clear(jar);
    free(jar);
}

enum cookie_status cookie_jar_take(struct cookie_jar *jar, const struct url *url, const char *value,
                                   size_t len, double unix_ms)
{
    bool is_secure_from = is_secure_origin(url);
    struct set_cookie given;
    struct draft draft;

    cookie_jar_drop_expired(jar, unix_ms);
    if (!set_cookie_parse(value, len, unix_ms, &given))
        return COOKIE_REFUSED;
    draft = (struct draft){.name = given.name,
                           .value = given.value,
                           .path = given.path.len > 0 ? given.path : default_path(url),
                           .expires_unix_ms = given.expires_unix_ms,
                           .is_secure = given.is_secure,
                           .is_http_only = given.is_http_only};
    if (draft.path.len > COOKIE_ATTRIBUTE_LIMIT_BYTES ||
        !set_domain(&draft, url->host, given.domain) || !keeps_promise(&draft))
        return COOKIE_REFUSED;
    if (!is_secure_from && (draft.is_secure || hides_secure(jar, &draft)))
        return COOKIE_REFUSED;
    return store(jar, &draft, unix_ms);
}

enum cookie_status cookie_jar_put(struct cookie_jar *jar, const struct cookie *cookie,
                                  double unix_ms)
{
    const char *domain = cookie->domain ? cookie->domain : "";
    const char *path = cookie->path ? cookie->path : "/";
    struct draft draft = {.name = {cookie->name, strlen(cookie->name)},
                          .value = {cookie->value, strlen(cookie->value)},
                          .path = {path, strlen(path)},
                          .expires_unix_ms = cookie->expires_unix_ms,
                          .has_domain = !cookie->is_host_only,
                          .is_secure = cookie->is_secure,
                          .is_http_only = cookie->is_http_only};

    cookie_jar_drop_expired(jar, unix_ms);
    if (*domain == '.')
        domain++;
    if (!set_cookie_pair_is_valid(draft.name, draft.value) ||
        !set_cookie_path_is_valid(draft.path) ||
        !copy_domain(&draft, (struct cookie_text){domain, strlen(domain)}) ||
        !keeps_promise(&draft))
        return COOKIE_REFUSED;
    draft.is_host_only = cookie->is_host_only || is_alone(draft.domain);
    return store(jar, &draft, unix_ms);
}

static bool is_for(const struct entry *entry, const struct url *url)
{
    if (entry->is_secure && !is_secure_origin(url))
        return false;
    if (entry->is_host_only ? strcmp(url->host, domain_of(entry)) != 0
                            : !domain_matches(url->host, domain_of(entry)))
        return false;
    return path_matches(request_path(url), path_of(entry), entry->path_bytes);
}

/* Puts `entry` behind all whose path is as long or longer. */
static void insert_by_path(struct entry **sorted, size_t count, struct entry *entry)
{
    while (count > 0 && sorted[count - 1]->path_bytes < entry->path_bytes) {
        sorted[count] = sorted[count - 1];
        count--;
    }
    sorted[count] = entry;
}

/* All of "; name=value" or, without room for it, nothing. */
static bool append_pair(const struct entry *entry, bool is_first, size_t room, struct buf *out)
{
    size_t blank_bytes = is_first ? 0 : 2;
    size_t pair_bytes = blank_bytes + entry->name_bytes + 1U + entry->value_bytes;
    uint8_t *to = pair_bytes <= room ? buf_reserve(out, pair_bytes) : NULL;

    if (!to)
        return false;
    memcpy(to, "; ", blank_bytes);
    to += blank_bytes;
    memcpy(to, entry->text, entry->name_bytes);
    to += entry->name_bytes;
    *to++ = '=';
    memcpy(to, value_of(entry), entry->value_bytes);
    buf_grew(out, pair_bytes);
    return true;
}

size_t cookie_jar_append(struct cookie_jar *jar, const struct url *url, double unix_ms,
                         struct buf *out)
{
    struct entry *sorted[COOKIE_JAR_LIMIT];
    size_t count = 0, sent = 0, start = out->len;

    if (!jar)
        return 0;
    cookie_jar_drop_expired(jar, unix_ms);
    for (struct entry *entry = jar->first; entry; entry = entry->next) {
        if (is_for(entry, url))
            insert_by_path(sorted, count++, entry);
    }
    jar->turn++;
    for (; sent < count; sent++) {
        size_t room = COOKIE_FIELD_LIMIT_BYTES - (out->len - start);

        if (!append_pair(sorted[sent], sent == 0, room, out))
            break;
        sorted[sent]->used_turn = jar->turn;
    }
    return sent;
}

void cookie_jar_drop_expired(struct cookie_jar *jar, double unix_ms)
{
    struct entry **link = jar ? &jar->first : NULL;

    while (link && *link) {
        if (is_expired((*link)->expires_unix_ms, unix_ms))
            remove_at(jar, link);
        else
            link = &(*link)->next;
    }
}

size_t cookie_jar_count(const struct cookie_jar *jar)
{
    return jar ? jar->count : 0;
}

bool cookie_jar_at(const struct cookie_jar *jar, size_t index, struct cookie *cookie)
{
    const struct entry *entry = jar ? jar->first : NULL;

    for (; entry && index > 0; index--)
        entry = entry->next;
    if (!entry)
        return false;
    *cookie = (struct cookie){.name = entry->text,
                              .value = value_of(entry),
                              .domain = domain_of(entry),
                              .path = path_of(entry),
                              .expires_unix_ms = entry->expires_unix_ms,
                              .is_secure = entry->is_secure,
                              .is_http_only = entry->is_http_only,
                              .is_host_only = entry->is_host_only};
    return true;
}

void cookie_jar_clear(struct cookie_jar *jar)
{
    while (jar && jar->first)
        remove_at(jar, &jar->first);
}
