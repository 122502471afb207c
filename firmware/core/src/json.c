#include "camherd/json.h"

#include <string.h>

typedef struct cursor {
    const unsigned char *at;
    const unsigned char *end;
} cursor;

static bool value(cursor *c, int depth, ch_json_kind *kind);

static void blanks(cursor *c)
{
    while (c->at < c->end && (*c->at == ' ' || *c->at == '\t' || *c->at == '\n' || *c->at == '\r')) {
        c->at++;
    }
}

static bool take(cursor *c, unsigned char wanted)
{
    if (c->at < c->end && *c->at == wanted) {
        c->at++;
        return true;
    }
    return false;
}

static int hex_digit(unsigned char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    if (c >= 'a' && c <= 'f') {
        return c - 'a' + 10;
    }
    if (c >= 'A' && c <= 'F') {
        return c - 'A' + 10;
    }
    return -1;
}

/* The four digits of \uXXXX, or -1. */
static int32_t hex4(cursor *c)
{
    int32_t code = 0;
    for (int i = 0; i < 4; i++) {
        int digit = c->at < c->end ? hex_digit(*c->at) : -1;
        if (digit < 0) {
            return -1;
        }
        code = code * 16 + digit;
        c->at++;
    }
    return code;
}

/* One character of UTF-8. */
static bool utf8(cursor *c)
{
    size_t len = ch_utf8((const char *)c->at, (size_t)(c->end - c->at));
    c->at += len;
    return len > 0;
}

/* The escape after a backslash: its code point, or -1. */
static int32_t escape(cursor *c)
{
    if (c->at >= c->end) {
        return -1;
    }
    unsigned char kind = *c->at++;
    switch (kind) {
    case '"':
    case '\\':
    case '/':
        return kind;
    case 'b':
        return '\b';
    case 'f':
        return '\f';
    case 'n':
        return '\n';
    case 'r':
        return '\r';
    case 't':
        return '\t';
    case 'u':
        break;
    default:
        return -1;
    }
    int32_t code = hex4(c);
    if (code >= 0xdc00 && code <= 0xdfff) {
        return -1; /* the second half of a pair that did not begin */
    }
    if (code < 0xd800 || code > 0xdbff) {
        return code;
    }
    if (!take(c, '\\') || !take(c, 'u')) {
        return -1;
    }
    int32_t second = hex4(c);
    if (second < 0xdc00 || second > 0xdfff) {
        return -1;
    }
    return 0x10000 + ((code - 0xd800) << 10) + (second - 0xdc00);
}

static bool string(cursor *c)
{
    if (!take(c, '"')) {
        return false;
    }
    while (c->at < c->end) {
        unsigned char next = *c->at;
        if (next == '"') {
            c->at++;
            return true;
        }
        if (next < 0x20) {
            return false;
        }
        if (next == '\\') {
            c->at++;
            if (escape(c) < 0) {
                return false;
            }
        } else if (!utf8(c)) {
            return false;
        }
    }
    return false;
}

static bool digits(cursor *c)
{
    const unsigned char *from = c->at;
    while (c->at < c->end && *c->at >= '0' && *c->at <= '9') {
        c->at++;
    }
    return c->at > from;
}

static bool number(cursor *c)
{
    take(c, '-');
    if (!take(c, '0') && !digits(c)) {
        return false;
    }
    if (take(c, '.') && !digits(c)) {
        return false;
    }
    if (take(c, 'e') || take(c, 'E')) {
        if (!take(c, '+')) {
            take(c, '-');
        }
        return digits(c);
    }
    return true;
}

static bool word(cursor *c, const char *text)
{
    size_t len = strlen(text);
    if ((size_t)(c->end - c->at) < len || memcmp(c->at, text, len) != 0) {
        return false;
    }
    c->at += len;
    return true;
}

/* Values hold values: recursion that CH_JSON_DEPTH bounds. */
// NOLINTBEGIN(misc-no-recursion)
static bool elements(cursor *c, int depth)
{
    ch_json_kind kind;
    c->at++;
    blanks(c);
    if (take(c, ']')) {
        return true;
    }
    do {
        if (!value(c, depth, &kind)) {
            return false;
        }
    } while (take(c, ','));
    return take(c, ']');
}

/* One `"key": value` with the blanks around it. */
static bool member(cursor *c, int depth, ch_json_member *out)
{
    blanks(c);
    const unsigned char *key = c->at;
    if (!string(c)) {
        return false;
    }
    out->key = (const char *)key + 1;
    out->key_len = (size_t)(c->at - key) - 2;
    blanks(c);
    if (!take(c, ':')) {
        return false;
    }
    blanks(c);
    const unsigned char *from = c->at;
    const unsigned char *to;
    if (!value(c, depth, &out->kind)) {
        return false;
    }
    /* `value` has gone past the blanks behind it. */
    to = c->at;
    while (to[-1] == ' ' || to[-1] == '\t' || to[-1] == '\n' || to[-1] == '\r') {
        to--;
    }
    out->value = (const char *)from;
    out->value_len = (size_t)(to - from);
    return true;
}

static bool members_of(cursor *c, int depth)
{
    ch_json_member unused;
    c->at++;
    blanks(c);
    if (take(c, '}')) {
        return true;
    }
    do {
        if (!member(c, depth, &unused)) {
            return false;
        }
    } while (take(c, ','));
    return take(c, '}');
}

/* A value with the blanks around it. `depth`: how deep it may still go. */
static bool value(cursor *c, int depth, ch_json_kind *kind)
{
    bool good;
    blanks(c);
    switch (c->at < c->end ? *c->at : 0) {
    case '{':
        *kind = CH_JSON_OBJECT;
        good = depth > 0 && members_of(c, depth - 1);
        break;
    case '[':
        *kind = CH_JSON_ARRAY;
        good = depth > 0 && elements(c, depth - 1);
        break;
    case '"':
        *kind = CH_JSON_STRING;
        good = string(c);
        break;
    case 't':
        *kind = CH_JSON_BOOL;
        good = word(c, "true");
        break;
    case 'f':
        *kind = CH_JSON_BOOL;
        good = word(c, "false");
        break;
    case 'n':
        *kind = CH_JSON_NULL;
        good = word(c, "null");
        break;
    default:
        *kind = CH_JSON_NUMBER;
        good = number(c);
        break;
    }
    blanks(c);
    return good;
}
// NOLINTEND(misc-no-recursion)

bool ch_json_object(const char *text, size_t len, ch_json_member *members, size_t room, size_t *count)
{
    cursor c = {(const unsigned char *)text, (const unsigned char *)text + len};
    *count = 0;
    blanks(&c);
    if (!take(&c, '{')) {
        return false;
    }
    blanks(&c);
    if (!take(&c, '}')) {
        do {
            if (*count == room || !member(&c, CH_JSON_DEPTH - 1, &members[*count])) {
                return false;
            }
            ++*count;
        } while (take(&c, ','));
        if (!take(&c, '}')) {
            return false;
        }
    }
    blanks(&c);
    return c.at == c.end;
}

/* Appends a code point as UTF-8. */
static void put_code(ch_text *text, int32_t code)
{
    char bytes[4];
    size_t len;
    if (code < 0x80) {
        bytes[0] = (char)code;
        len = 1;
    } else if (code < 0x800) {
        bytes[0] = (char)(0xc0 | (code >> 6));
        len = 2;
    } else if (code < 0x10000) {
        bytes[0] = (char)(0xe0 | (code >> 12));
        len = 3;
    } else {
        bytes[0] = (char)(0xf0 | (code >> 18));
        len = 4;
    }
    for (size_t i = 1; i < len; i++) {
        bytes[i] = (char)(0x80 | ((code >> (6 * (len - 1 - i))) & 0x3f));
    }
    ch_text_bytes(text, bytes, len);
}

/* Undoes the escapes of a checked string's inside. False if it holds U+0000. */
static bool unescape(const char *from, size_t len, ch_text *to)
{
    cursor c = {(const unsigned char *)from, (const unsigned char *)from + len};
    while (c.at < c.end) {
        if (*c.at != '\\') {
            ch_text_bytes(to, (const char *)c.at++, 1);
            continue;
        }
        c.at++;
        int32_t code = escape(&c);
        if (code <= 0) {
            return false;
        }
        put_code(to, code);
    }
    return true;
}

const ch_json_member *ch_json_find(const ch_json_member *members, size_t count, const char *key)
{
    char name[32];
    for (size_t i = count; i > 0; i--) {
        const ch_json_member *at = &members[i - 1];
        ch_text text;
        ch_text_init(&text, name, sizeof name);
        if (unescape(at->key, at->key_len, &text) && !text.cut && ch_same(name, key)) {
            return at;
        }
    }
    return NULL;
}

bool ch_json_string(const ch_json_member *at, char *to, size_t size)
{
    ch_text text;
    if (at->kind != CH_JSON_STRING) {
        return false;
    }
    ch_text_init(&text, to, size);
    return unescape(at->value + 1, at->value_len - 2, &text) && !text.cut;
}

bool ch_json_u32(const ch_json_member *at, uint32_t max, uint32_t *out)
{
    char copy[12];
    if (at->kind != CH_JSON_NUMBER || at->value_len >= sizeof copy) {
        return false;
    }
    memcpy(copy, at->value, at->value_len);
    copy[at->value_len] = '\0';
    return ch_parse_u32(copy, 0, max, out);
}

bool ch_json_bool(const ch_json_member *at, bool *out)
{
    if (at->kind != CH_JSON_BOOL) {
        return false;
    }
    *out = at->value[0] == 't';
    return true;
}

void ch_json_quote(ch_text *text, const char *from)
{
    static const char hex[] = "0123456789abcdef";
    cursor c = {(const unsigned char *)from, (const unsigned char *)from + strlen(from)};
    ch_text_put(text, "\"");
    while (c.at < c.end) {
        const unsigned char *start = c.at;
        unsigned char next = *start;
        if (next == '"' || next == '\\') {
            ch_text_put(text, "\\");
            ch_text_bytes(text, (const char *)c.at++, 1);
        } else if (next < 0x20) {
            char escaped[6] = {'\\', 'u', '0', '0', hex[next >> 4], hex[next & 15]};
            ch_text_bytes(text, escaped, sizeof escaped);
            c.at++;
        } else if (utf8(&c)) {
            ch_text_bytes(text, (const char *)start, (size_t)(c.at - start));
        } else {
            ch_text_put(text, "\xef\xbf\xbd");
            c.at++;
        }
    }
    ch_text_put(text, "\"");
}

static void put_key(ch_text *text, const char *key)
{
    ch_text_put(text, ",\"");
    ch_text_put(text, key);
    ch_text_put(text, "\":");
}

void ch_json_begin(ch_text *text, const char *type)
{
    ch_text_put(text, "{\"type\":");
    ch_json_quote(text, type);
}

void ch_json_put_string(ch_text *text, const char *key, const char *string_value)
{
    put_key(text, key);
    ch_json_quote(text, string_value);
}

void ch_json_put_u32(ch_text *text, const char *key, uint32_t number_value)
{
    put_key(text, key);
    ch_text_u32(text, number_value);
}

void ch_json_put_i32(ch_text *text, const char *key, int32_t number_value)
{
    put_key(text, key);
    ch_text_i32(text, number_value);
}

void ch_json_put_bool(ch_text *text, const char *key, bool bool_value)
{
    put_key(text, key);
    ch_text_put(text, bool_value ? "true" : "false");
}

void ch_json_end(ch_text *text)
{
    ch_text_put(text, "}");
}
