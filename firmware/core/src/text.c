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
    for (const char *at = value; *at != '\0'; at++) {
        unsigned char c = (unsigned char)*at;
        if (c == '"' || c == '\\') {
            char escaped[2] = {'\\', (char)c};
            ch_text_bytes(text, escaped, 2);
        } else if (c < 0x20 || c == 0x7f) {
            char escaped[4] = {'\\', 'x', hex[c >> 4], hex[c & 15]};
            ch_text_bytes(text, escaped, 4);
        } else {
            ch_text_bytes(text, at, 1);
        }
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
