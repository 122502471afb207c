/* The stand-in for a V4L2 device: what a program's calls lead to. Results and errno are those of the system calls. */
#pragma once

#include <stddef.h>
#include <sys/types.h>

/* Opens the device; gives its file descriptor. */
int device_open(int flags);
/* Whether this is its file descriptor. */
int device_is(int fd);
int device_ioctl(unsigned long request, void *argument);
/* Whether a part of it may be mapped: 0, else -1. */
int device_may_map(size_t length, int protection, int flags, off_t offset);
/* Its file descriptor is about to be closed. */
void device_close(void);
/* The stand-in's own view of the memory of the device; MAP_FAILED where there is none. */
void *device_memory(int fd, size_t length);
