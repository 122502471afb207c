/*
 * The functions of <string.h> that the core uses, declared for cross compilers that come without a C library. For
 * `make sizes` only: nothing is linked there, so there are no definitions.
 */
#ifndef CAMHERD_FREESTANDING_STRING_H
#define CAMHERD_FREESTANDING_STRING_H

#include <stddef.h>

void *memchr(const void *from, int byte, size_t len);
int memcmp(const void *a, const void *b, size_t len);
void *memcpy(void *to, const void *from, size_t len);
void *memmove(void *to, const void *from, size_t len);
void *memset(void *to, int byte, size_t len);
char *strchr(const char *text, int c);
int strcmp(const char *a, const char *b);
size_t strcspn(const char *text, const char *stop);
size_t strlen(const char *text);
int strncmp(const char *a, const char *b, size_t len);

#endif
