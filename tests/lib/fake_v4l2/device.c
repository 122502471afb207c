/*
 * A camera of Linux's V4L2 for a machine without one: preloaded into a program (preload.c), it answers for one path as the
 * kernel would for a capture device that streams through mapped memory, and is as strict as the kernel's videobuf2 is: what
 * that refuses is refused with the same error. Each refusal goes to a log as a line with "WRONG", so that a test can tell a
 * wrong call from an error that it asked for.
 *
 * The environment says what the device is like (../v4l2_device.py sets it):
 *
 *   FAKE_V4L2_PATH     the device's path
 *   FAKE_V4L2_LOG      where calls are logged
 *   FAKE_V4L2_FRAMES   a file with what it captures: for each frame the length and the flags (1: it is broken), little-endian
 *                      32-bit numbers, and the bytes; it begins anew at the end
 *   FAKE_V4L2_FORMATS  four characters each, by comma: what it offers
 *   FAKE_V4L2_SIZE     WIDTHxHEIGHT: what it is set to, and all that it has
 *   FAKE_V4L2_STRIDE   bytes of a row of the first plane; 0 for compressed formats
 *   FAKE_V4L2_IMAGE    bytes of the largest picture
 *   FAKE_V4L2_FPS      frames per second until a program sets others
 *   FAKE_V4L2_BUFFERS  so many buffers at least are made, and so many are needed before a frame is captured
 *   FAKE_V4L2_FAIL     CALL:ERRNO[:N]: this call (open, S_FMT, STREAMON, ...) fails so, from the Nth one on
 *   FAKE_V4L2_SWAPS    the format that it sets whatever it is asked for
 *
 * Of the documentation of the kernel: userspace-api/media/v4l/, and of the calls there: "V4L2 device opened", "Streaming
 * I/O (Memory Mapping)", "ioctl VIDIOC_QBUF, VIDIOC_DQBUF".
 */
#define _GNU_SOURCE
#include "device.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/videodev2.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define MOST_BUFFERS 32
/* What a buffer holds while the device may write to it: who reads it then reads this. */
#define DEVICE_OWNS 0xDB
#define FRAME_BROKEN 1u

enum state { DEQUEUED, QUEUED };

struct buffer {
    enum state state;
    int mapped;
};

static struct {
    pthread_mutex_t lock;
    int fd; /* of memory in the place of the device; -1 while it is closed */
    struct v4l2_pix_format format;
    struct v4l2_fract interval;
    unsigned allocated, needed;
    size_t length; /* of a buffer, in whole pages */
    uint8_t *memory;
    struct buffer buffers[MOST_BUFFERS];
    unsigned queue[MOST_BUFFERS], queued; /* the oldest first */
    int streaming;
    uint32_t sequence;
    struct timespec due;
    FILE *frames;
    unsigned failing; /* calls so far of the one that is to fail */
} device = { .lock = PTHREAD_MUTEX_INITIALIZER, .fd = -1 };

static const char *setting(const char *name, const char *otherwise)
{
    const char *value = getenv(name);
    return value ? value : otherwise;
}

static void note(const char *format, ...)
{
    const char *path = getenv("FAKE_V4L2_LOG");
    FILE *log = path ? fopen(path, "a") : NULL;
    if (!log)
        return;
    va_list arguments;
    va_start(arguments, format);
    vfprintf(log, format, arguments);
    va_end(arguments);
    fputc('\n', log);
    fclose(log);
}

static int fail(int error)
{
    errno = error;
    return -1;
}

/* The program did what no program may do. */
static int wrong(int error, const char *what)
{
    note("WRONG %s: %s", what, strerror(error));
    return fail(error);
}

static int is_zero(const void *bytes, size_t length)
{
    const uint8_t *at = bytes;
    while (length && *at == 0)
        at++, length--;
    return length == 0;
}

/* Whether this call is to fail, with the error in errno. */
static int is_to_fail(const char *call)
{
    char name[32] = "";
    int error = 0;
    unsigned first = 1;
    if (sscanf(setting("FAKE_V4L2_FAIL", ""), "%31[^:]:%d:%u", name, &error, &first) < 2 || strcmp(name, call))
        return 0;
    if (++device.failing < first)
        return 0;
    note("%s fails: %s", call, strerror(error));
    errno = error;
    return 1;
}

static uint32_t fourcc(const char *text)
{
    return v4l2_fourcc(text[0], text[1], text[2], text[3]);
}

/* The format of that number among those offered; 0 behind the last. */
static uint32_t offered(unsigned index)
{
    const char *formats = setting("FAKE_V4L2_FORMATS", "MJPG");
    return index < (strlen(formats) + 1) / 5 ? fourcc(formats + 5 * index) : 0;
}

static void set_format(uint32_t pixelformat)
{
    struct v4l2_pix_format *format = &device.format;
    *format = (struct v4l2_pix_format){ .pixelformat = pixelformat, .field = V4L2_FIELD_NONE };
    sscanf(setting("FAKE_V4L2_SIZE", "320x240"), "%ux%u", &format->width, &format->height);
    format->bytesperline = (uint32_t)atoi(setting("FAKE_V4L2_STRIDE", "0"));
    format->sizeimage = (uint32_t)atoi(setting("FAKE_V4L2_IMAGE", "100000"));
    format->colorspace = V4L2_COLORSPACE_SRGB;
}

static int query_capabilities(struct v4l2_capability *capability)
{
    memset(capability, 0, sizeof *capability);
    strcpy((char *)capability->driver, "fake");
    strcpy((char *)capability->card, "Fake camera");
    strcpy((char *)capability->bus_info, "platform:fake");
    capability->version = 0x060100;
    capability->device_caps = V4L2_CAP_VIDEO_CAPTURE | V4L2_CAP_STREAMING | V4L2_CAP_EXT_PIX_FORMAT;
    capability->capabilities = capability->device_caps | V4L2_CAP_DEVICE_CAPS;
    return 0;
}

static int enumerate_format(struct v4l2_fmtdesc *description)
{
    uint32_t format = offered(description->index);
    if (description->type != V4L2_BUF_TYPE_VIDEO_CAPTURE)
        return wrong(EINVAL, "ENUM_FMT: the type");
    if (!is_zero(description->reserved, sizeof description->reserved))
        return wrong(EINVAL, "ENUM_FMT: what is reserved is not zero");
    if (!format)
        return fail(EINVAL);
    description->flags = format == V4L2_PIX_FMT_MJPEG ? V4L2_FMT_FLAG_COMPRESSED : 0;
    snprintf((char *)description->description, sizeof description->description, "%.4s", (char *)&format);
    description->pixelformat = format;
    return 0;
}

static int get_format(struct v4l2_format *format)
{
    if (format->type != V4L2_BUF_TYPE_VIDEO_CAPTURE)
        return wrong(EINVAL, "G_FMT: the type");
    format->fmt.pix = device.format;
    return 0;
}

static int change_format(struct v4l2_format *format)
{
    const char *swaps = getenv("FAKE_V4L2_SWAPS");
    uint32_t chosen = 0;
    if (format->type != V4L2_BUF_TYPE_VIDEO_CAPTURE)
        return wrong(EINVAL, "S_FMT: the type");
    if (device.allocated)
        return wrong(EBUSY, "S_FMT: there are buffers");
    for (unsigned i = 0; offered(i); i++)
        if (offered(i) == format->fmt.pix.pixelformat)
            chosen = offered(i);
    if (!chosen)
        note("S_FMT asks for what is not offered");
    note("S_FMT %ux%u", format->fmt.pix.width, format->fmt.pix.height);
    /* A driver never refuses a format: it sets what comes close. */
    set_format(swaps ? fourcc(swaps) : chosen ? chosen : offered(0));
    format->fmt.pix = device.format;
    return 0;
}

static int change_parameters(struct v4l2_streamparm *parameters)
{
    struct v4l2_captureparm *capture = &parameters->parm.capture;
    if (parameters->type != V4L2_BUF_TYPE_VIDEO_CAPTURE)
        return wrong(EINVAL, "S_PARM: the type");
    if (device.streaming)
        return wrong(EBUSY, "S_PARM: it is streaming");
    if (capture->timeperframe.numerator && capture->timeperframe.denominator)
        device.interval = capture->timeperframe;
    note("S_PARM %u/%u", device.interval.numerator, device.interval.denominator);
    *capture = (struct v4l2_captureparm){ .capability = V4L2_CAP_TIMEPERFRAME, .timeperframe = device.interval };
    return 0;
}

static void free_buffers(void)
{
    if (device.memory)
        munmap(device.memory, device.length * device.allocated);
    device.memory = NULL;
    device.allocated = device.queued = 0;
    memset(device.buffers, 0, sizeof device.buffers);
}

static int request_buffers(struct v4l2_requestbuffers *request)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    if (request->type != V4L2_BUF_TYPE_VIDEO_CAPTURE)
        return wrong(EINVAL, "REQBUFS: the type");
    if (request->memory != V4L2_MEMORY_MMAP)
        return wrong(EINVAL, "REQBUFS: the memory");
    if (device.streaming)
        return wrong(EBUSY, "REQBUFS: it is streaming");
    for (unsigned i = 0; i < device.allocated; i++)
        if (device.buffers[i].mapped)
            return wrong(EBUSY, "REQBUFS: a buffer is mapped");
    free_buffers();
    request->capabilities = V4L2_BUF_CAP_SUPPORTS_MMAP;
    if (!request->count)
        return 0;
    device.needed = (unsigned)atoi(setting("FAKE_V4L2_BUFFERS", "1"));
    unsigned count = request->count < device.needed ? device.needed : request->count;
    count = count > MOST_BUFFERS ? MOST_BUFFERS : count;
    device.length = (device.format.sizeimage + page - 1) / page * page;
    if (ftruncate(device.fd, (off_t)(device.length * count)))
        return fail(ENOMEM);
    void *memory = device_memory(device.fd, device.length * count);
    if (memory == MAP_FAILED)
        return fail(ENOMEM);
    device.memory = memory;
    device.allocated = request->count = count;
    note("REQBUFS gives %u", count);
    return 0;
}

/* Whether a call names a buffer of the device; else errno says what the kernel says. */
static int names_buffer(const struct v4l2_buffer *buffer, const char *call)
{
    if (buffer->type != V4L2_BUF_TYPE_VIDEO_CAPTURE)
        note("%s: the type", call);
    else if (buffer->index >= device.allocated)
        note("%s: the index %u of %u", call, buffer->index, device.allocated);
    else
        return 1;
    wrong(EINVAL, call);
    return 0;
}

static void describe(struct v4l2_buffer *buffer, unsigned index)
{
    buffer->index = index;
    buffer->memory = V4L2_MEMORY_MMAP;
    buffer->field = V4L2_FIELD_NONE;
    buffer->length = (uint32_t)device.length;
    buffer->m.offset = (uint32_t)(device.length * index);
    buffer->flags = V4L2_BUF_FLAG_TIMESTAMP_MONOTONIC;
    buffer->flags |= device.buffers[index].mapped ? V4L2_BUF_FLAG_MAPPED : 0;
    buffer->flags |= device.buffers[index].state == QUEUED ? V4L2_BUF_FLAG_QUEUED : 0;
}

static int query_buffer(struct v4l2_buffer *buffer)
{
    if (!names_buffer(buffer, "QUERYBUF"))
        return -1;
    buffer->bytesused = 0;
    describe(buffer, buffer->index);
    return 0;
}

static int queue_buffer(struct v4l2_buffer *buffer)
{
    if (!names_buffer(buffer, "QBUF"))
        return -1;
    if (buffer->memory != V4L2_MEMORY_MMAP)
        return wrong(EINVAL, "QBUF: the memory");
    if (buffer->flags & V4L2_BUF_FLAG_REQUEST_FD)
        return wrong(EINVAL, "QBUF: a request");
    if (device.buffers[buffer->index].state == QUEUED)
        return wrong(EINVAL, "QBUF: it is queued already");
    memset(device.memory + device.length * buffer->index, DEVICE_OWNS, device.length);
    device.buffers[buffer->index].state = QUEUED;
    device.queue[device.queued++] = buffer->index;
    describe(buffer, buffer->index);
    return 0;
}

static int stream_on(const int *type)
{
    if (*type != V4L2_BUF_TYPE_VIDEO_CAPTURE)
        return wrong(EINVAL, "STREAMON: the type");
    if (!device.allocated)
        return wrong(EINVAL, "STREAMON: there are no buffers");
    if (!device.streaming)
        clock_gettime(CLOCK_MONOTONIC, &device.due);
    device.streaming = 1;
    note("STREAMON");
    return 0;
}

static int stream_off(const int *type)
{
    if (*type != V4L2_BUF_TYPE_VIDEO_CAPTURE)
        return wrong(EINVAL, "STREAMOFF: the type");
    device.streaming = 0;
    device.queued = 0;
    for (unsigned i = 0; i < device.allocated; i++)
        device.buffers[i].state = DEQUEUED;
    note("STREAMOFF");
    return 0;
}

/* Puts the next frame into a buffer: its bytes used and flags. */
static int capture(uint8_t *into, struct v4l2_buffer *buffer)
{
    uint32_t head[2];
    if (fread(head, sizeof head, 1, device.frames) != 1) {
        rewind(device.frames);
        if (fread(head, sizeof head, 1, device.frames) != 1)
            return -1;
    }
    if (head[0] > device.length || fread(into, 1, head[0], device.frames) != head[0])
        return -1;
    buffer->bytesused = head[0];
    buffer->flags |= head[1] & FRAME_BROKEN ? V4L2_BUF_FLAG_ERROR : 0;
    return 0;
}

static void wait_for_next_frame(void)
{
    uint64_t step = 1000000000ull * device.interval.numerator / device.interval.denominator;
    uint64_t nanoseconds = (uint64_t)device.due.tv_nsec + step;
    device.due.tv_sec += (time_t)(nanoseconds / 1000000000ull);
    device.due.tv_nsec = (long)(nanoseconds % 1000000000ull);
    clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &device.due, NULL);
}

static int dequeue_buffer(struct v4l2_buffer *buffer)
{
    if (buffer->type != V4L2_BUF_TYPE_VIDEO_CAPTURE)
        return wrong(EINVAL, "DQBUF: the type");
    if (buffer->memory != V4L2_MEMORY_MMAP)
        return wrong(EINVAL, "DQBUF: the memory");
    if (!device.streaming)
        return wrong(EINVAL, "DQBUF: it is not streaming");
    if (device.queued < device.needed && device.sequence == 0) {
        note("WRONG DQBUF: it waits for ever, as %u of %u buffers are queued", device.queued, device.needed);
        for (;;)
            pause();
    }
    if (!device.queued)
        return wrong(EINVAL, "DQBUF: no buffer is queued");
    wait_for_next_frame();
    unsigned index = device.queue[0];
    memmove(device.queue, device.queue + 1, --device.queued * sizeof device.queue[0]);
    device.buffers[index].state = DEQUEUED;
    describe(buffer, index);
    if (capture(device.memory + device.length * index, buffer))
        return wrong(EIO, "the frames of the test");
    buffer->sequence = device.sequence++;
    buffer->timestamp.tv_sec = device.due.tv_sec;
    buffer->timestamp.tv_usec = device.due.tv_nsec / 1000;
    return 0;
}

static int answer(unsigned long request, void *argument)
{
    static const struct { unsigned long request; const char *name; } CALLS[] = {
        { VIDIOC_QUERYCAP, "QUERYCAP" }, { VIDIOC_ENUM_FMT, "ENUM_FMT" }, { VIDIOC_G_FMT, "G_FMT" },
        { VIDIOC_S_FMT, "S_FMT" }, { VIDIOC_S_PARM, "S_PARM" }, { VIDIOC_REQBUFS, "REQBUFS" },
        { VIDIOC_QUERYBUF, "QUERYBUF" }, { VIDIOC_QBUF, "QBUF" }, { VIDIOC_DQBUF, "DQBUF" },
        { VIDIOC_STREAMON, "STREAMON" }, { VIDIOC_STREAMOFF, "STREAMOFF" },
    };
    for (size_t i = 0; i < sizeof CALLS / sizeof CALLS[0]; i++)
        if (CALLS[i].request == request && is_to_fail(CALLS[i].name))
            return -1;
    switch (request) {
    case VIDIOC_QUERYCAP: return query_capabilities(argument);
    case VIDIOC_ENUM_FMT: return enumerate_format(argument);
    case VIDIOC_G_FMT: return get_format(argument);
    case VIDIOC_S_FMT: return change_format(argument);
    case VIDIOC_S_PARM: return change_parameters(argument);
    case VIDIOC_REQBUFS: return request_buffers(argument);
    case VIDIOC_QUERYBUF: return query_buffer(argument);
    case VIDIOC_QBUF: return queue_buffer(argument);
    case VIDIOC_DQBUF: return dequeue_buffer(argument);
    case VIDIOC_STREAMON: return stream_on(argument);
    case VIDIOC_STREAMOFF: return stream_off(argument);
    }
    note("ioctl %#lx is not known", request);
    return fail(ENOTTY);
}

static int open_it(int flags)
{
    if (is_to_fail("open"))
        return -1;
    if ((flags & O_ACCMODE) != O_RDWR)
        return wrong(EINVAL, "open: it is opened to be read and written");
    if (device.fd >= 0)
        return wrong(EBUSY, "open: twice, which this stand-in does not know");
    device.frames = fopen(setting("FAKE_V4L2_FRAMES", ""), "rb");
    device.fd = memfd_create("v4l2", MFD_CLOEXEC);
    if (!device.frames || device.fd < 0)
        return fail(ENODEV);
    set_format(offered(0));
    device.interval = (struct v4l2_fract){ 1, (uint32_t)atoi(setting("FAKE_V4L2_FPS", "20")) };
    note("open");
    return device.fd;
}

int device_open(int flags)
{
    pthread_mutex_lock(&device.lock);
    int fd = open_it(flags);
    pthread_mutex_unlock(&device.lock);
    return fd;
}

int device_is(int fd)
{
    return fd >= 0 && fd == device.fd;
}

int device_ioctl(unsigned long request, void *argument)
{
    pthread_mutex_lock(&device.lock);
    int result = answer(request, argument);
    pthread_mutex_unlock(&device.lock);
    return result;
}

int device_may_map(size_t length, int protection, int flags, off_t offset)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    size_t index = device.length ? (size_t)offset / device.length : device.allocated;
    const char *refusal = NULL;
    pthread_mutex_lock(&device.lock);
    if (index >= device.allocated || (size_t)offset % device.length)
        refusal = "mmap: there is no buffer at this offset";
    else if (!(flags & MAP_SHARED) || !(protection & PROT_READ))
        refusal = "mmap: it must be shared and readable";
    else if ((length + page - 1) / page * page > device.length)
        refusal = "mmap: it is longer than the buffer";
    else
        device.buffers[index].mapped = 1;
    pthread_mutex_unlock(&device.lock);
    return refusal ? wrong(EINVAL, refusal) : 0;
}

void device_close(void)
{
    pthread_mutex_lock(&device.lock);
    note("close");
    device.streaming = 0;
    free_buffers();
    fclose(device.frames);
    device.fd = -1;
    pthread_mutex_unlock(&device.lock);
}
