/*
 * Text that is built in a buffer of fixed size.
 *
 * Contract: the buffer always ends in NUL; what does not fit is left out and `cut` says so; nothing is allocated.
 * There is no printf here: on small devices it costs more code than everything else in the core.
 */
#ifndef CAMHERD_TEXT_H
#define CAMHERD_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Milliseconds of a clock that never goes back, from any start. The shell reads it, the core only compares. */
typedef uint64_t ch_ms;

/* A time that never comes. */
#define CH_NEVER UINT64_MAX

typedef struct ch_text {
    char *at;    /* the buffer, never NULL */
    size_t size; /* its size, at least 1 */
    size_t len;  /* bytes before the NUL */
    bool cut;    /* something did not fit */
} ch_text;

void ch_text_init(ch_text *text, char *buffer, size_t size);
void ch_text_put(ch_text *text, const char *string);
void ch_text_bytes(ch_text *text, const char *bytes, size_t len);
void ch_text_u32(ch_text *text, uint32_t value);
void ch_text_i32(ch_text *text, int32_t value);

/*
 * A value of a `key=value` answer: as it stands if it is made of letters, digits and -._:/@+[], else in double quotes
 * with \" and \\ for themselves and \xNN for each byte of control characters and of what is no UTF-8: names of networks
 * may be any bytes. Empty stays empty. A reader that splits at blanks outside quotes gets it back.
 */
void ch_text_value(ch_text *text, const char *value);

/* Bytes of the UTF-8 character at `at` (RFC 3629: no surrogates, nothing overlong), of `room` bytes; 0: it is none. */
size_t ch_utf8(const char *at, size_t room);

/* Whole text as a number from `min` to `max`, digits only. */
bool ch_parse_u32(const char *string, uint32_t min, uint32_t max, uint32_t *value);

/* Whether two NUL-terminated strings are the same. */
bool ch_same(const char *a, const char *b);

/* Copies `from` with its NUL. False, and nothing copied, if it does not fit. */
bool ch_copy(char *to, size_t size, const char *from);

/* A random number from a small generator (xorshift); `state` is not 0. For jitter, not for secrets. */
uint32_t ch_random(uint32_t *state);

#endif
