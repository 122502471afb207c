/* The system calls of a program that this is preloaded into, of which those of the device go to device.c. */
#define _GNU_SOURCE
#include "device.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

typedef int open_function(const char *, int, ...);
typedef int ioctl_function(int, unsigned long, ...);
typedef void *mmap_function(void *, size_t, int, int, int, off_t);
typedef int close_function(int);

static int open_any(const char *path, int flags, mode_t mode, const char *name)
{
    const char *own = getenv("FAKE_V4L2_PATH");
    if (own && path && !strcmp(path, own))
        return device_open(flags);
    return ((open_function *)dlsym(RTLD_NEXT, name))(path, flags, mode);
}

/* The mode, where the flags say that there is one. */
#define MODE(flags) \
    mode_t mode = 0; \
    if ((flags) & (O_CREAT | O_TMPFILE)) { \
        va_list arguments; \
        va_start(arguments, flags); \
        mode = va_arg(arguments, mode_t); \
        va_end(arguments); \
    }

int open(const char *path, int flags, ...)
{
    MODE(flags)
    return open_any(path, flags, mode, "open");
}

int open64(const char *path, int flags, ...)
{
    MODE(flags)
    return open_any(path, flags, mode, "open64");
}

int ioctl(int fd, unsigned long request, ...)
{
    va_list arguments;
    va_start(arguments, request);
    void *argument = va_arg(arguments, void *);
    va_end(arguments);
    if (device_is(fd))
        return device_ioctl(request, argument);
    return ((ioctl_function *)dlsym(RTLD_NEXT, "ioctl"))(fd, request, argument);
}

static void *map(void *at, size_t length, int protection, int flags, int fd, off_t offset)
{
    return ((mmap_function *)dlsym(RTLD_NEXT, "mmap"))(at, length, protection, flags, fd, offset);
}

void *device_memory(int fd, size_t length)
{
    return map(NULL, length, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
}

void *mmap(void *at, size_t length, int protection, int flags, int fd, off_t offset)
{
    if (device_is(fd) && device_may_map(length, protection, flags, offset))
        return MAP_FAILED;
    return map(at, length, protection, flags, fd, offset);
}

int close(int fd)
{
    if (device_is(fd))
        device_close();
    return ((close_function *)dlsym(RTLD_NEXT, "close"))(fd);
}
