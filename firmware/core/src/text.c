#include "camherd/text.h"

#include <string.h>

void ch_text_init(ch_text *text, char *buffer, size_t size)
{
    text->at = buffer;
    text->size = size;
    text->len = 0;
    text->cut = false;
    buffer[0] = '\0';
}

void ch_text_bytes(ch_text *text, const char *bytes, size_t len)
{
    size_t room = text->size - 1 - text->len;
    if (len > room) {
        len = room;
        text->cut = true;
    }
    memcpy(text->at + text->len, bytes, len);
    text->len += len;
    text->at[text->len] = '\0';
}

void ch_text_put(ch_text *text, const char *string)
{
    ch_text_bytes(text, string, strlen(string));
}

void ch_text_u32(ch_text *text, uint32_t value)
{
    char digits[10];
    size_t at = sizeof digits;
    do {
        digits[--at] = (char)('0' + value % 10);
        value /= 10;
    } while (value != 0);
    ch_text_bytes(text, digits + at, sizeof digits - at);
}

void ch_text_i32(ch_text *text, int32_t value)
{
    if (value < 0) {
        ch_text_bytes(text, "-", 1);
        ch_text_u32(text, 0u - (uint32_t)value);
    } else {
        ch_text_u32(text, (uint32_t)value);
    }
}

static bool stands_bare(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           (c != '\0' && strchr("-._:/@+[]", c) != NULL);
}

size_t ch_utf8(const char *at, size_t room)
{
    const unsigned char *c = (const unsigned char *)at;
    unsigned char low = 0x80, high = 0xbf;
    size_t len = 0;
    if (room == 0) {
        return 0;
    }
    if (c[0] < 0x80) {
        return 1;
    }
    if (c[0] >= 0xc2 && c[0] <= 0xdf) {
        len = 2;
    } else if (c[0] >= 0xe0 && c[0] <= 0xef) {
        len = 3;
        low = c[0] == 0xe0 ? 0xa0 : low;
        high = c[0] == 0xed ? 0x9f : high;
    } else if (c[0] >= 0xf0 && c[0] <= 0xf4) {
        len = 4;
        low = c[0] == 0xf0 ? 0x90 : low;
        high = c[0] == 0xf4 ? 0x8f : high;
    }
    if (len > room) {
        return 0;
    }
    for (size_t i = 1; i < len; i++) {
        if (c[i] < low || c[i] > high) {
            return 0;
        }
        low = 0x80;
        high = 0xbf;
    }
    return len;
}

/* How many bytes from `at` on stand for themselves in a quoted value: a character that can be shown, else 0. */
static size_t shown(const char *at)
{
    const unsigned char *c = (const unsigned char *)at;
    size_t len = ch_utf8(at, strlen(at));
    /* U+0080 to U+009F are commands to terminals, as those below U+0020 are. */
    bool control = c[0] < 0x20 || c[0] == 0x7f || (len == 2 && c[0] == 0xc2 && c[1] < 0xa0);
    return control ? 0 : len;
}

void ch_text_value(ch_text *text, const char *value)
{
    static const char hex[] = "0123456789abcdef";
    bool bare = true;
    for (const char *at = value; *at != '\0'; at++) {
        bare = bare && stands_bare(*at);
    }
    if (bare) {
        ch_text_put(text, value);
        return;
    }
    ch_text_put(text, "\"");
    while (*value != '\0') {
        unsigned char c = (unsigned char)*value;
        size_t len = shown(value);
        if (len == 0) {
            char escaped[4] = {'\\', 'x', hex[c >> 4], hex[c & 15]};
            ch_text_bytes(text, escaped, 4);
            value++;
            continue;
        }
        if (c == '"' || c == '\\') {
            ch_text_put(text, "\\");
        }
        ch_text_bytes(text, value, len);
        value += len;
    }
    ch_text_put(text, "\"");
}

bool ch_parse_u32(const char *string, uint32_t min, uint32_t max, uint32_t *value)
{
    uint32_t sum = 0;
    if (*string == '\0') {
        return false;
    }
    for (; *string != '\0'; string++) {
        if (*string < '0' || *string > '9') {
            return false;
        }
        uint32_t digit = (uint32_t)(*string - '0');
        if (sum > (UINT32_MAX - digit) / 10) {
            return false;
        }
        sum = sum * 10 + digit;
    }
    if (sum < min || sum > max) {
        return false;
    }
    *value = sum;
    return true;
}

bool ch_same(const char *a, const char *b)
{
    return strcmp(a, b) == 0;
}

bool ch_copy(char *to, size_t size, const char *from)
{
    size_t len = strlen(from);
    if (len >= size) {
        return false;
    }
    memmove(to, from, len + 1);
    return true;
}

uint32_t ch_random(uint32_t *state)
{
    uint32_t x = *state;
    x ^= x << 13;
    x ^= x >> 17;
    x ^= x << 5;
    *state = x;
    return x;
}
