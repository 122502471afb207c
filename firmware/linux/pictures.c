/* Frames: JPEGs of a folder in turn, or pictures that are drawn and encoded by libjpeg. */
#include "shell.h"

#include <dirent.h>
#include <jpeglib.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define FILES_MAX 1000
#define HELLO "Hello World from virtual-device"

typedef struct buffer {
    bool used;
    uint8_t bytes[PICTURE_MAX];
} buffer;

typedef struct file {
    uint8_t *bytes;
    size_t len;
} file;

struct pictures {
    payload payload;
    ch_camera camera;
    file files[FILES_MAX];
    unsigned count, next;
    uint32_t number; /* of pictures taken */
    size_t constant; /* length of the constant picture, once there is one */
    uint8_t *row;
    uint8_t *constant_bytes;
    buffer buffers[CAMERA_BUFFERS];
};

static bool read_file(const char *path, file *to)
{
    struct stat facts;
    FILE *from = fopen(path, "rb");
    if (from == NULL) {
        return false;
    }
    bool good = fstat(fileno(from), &facts) == 0 && facts.st_size > 0 && facts.st_size <= (off_t)PICTURE_MAX;
    if (good) {
        to->len = (size_t)facts.st_size;
        to->bytes = malloc(to->len);
        good = to->bytes != NULL && fread(to->bytes, 1, to->len, from) == to->len;
    }
    fclose(from);
    return good;
}

static int is_jpeg(const struct dirent *entry)
{
    const char *dot = strrchr(entry->d_name, '.');
    return dot != NULL && (strcasecmp(dot, ".jpg") == 0 || strcasecmp(dot, ".jpeg") == 0);
}

static bool read_folder(pictures *p, const char *folder)
{
    struct dirent **names;
    char path[4096];
    int found = scandir(folder, &names, is_jpeg, alphasort);
    if (found < 0) {
        fprintf(stderr, "virtual-device: %s cannot be read\n", folder);
        return false;
    }
    for (int i = 0; i < found; i++) {
        int len = snprintf(path, sizeof path, "%s/%s", folder, names[i]->d_name);
        if (p->count < FILES_MAX && len > 0 && (size_t)len < sizeof path) {
            if (read_file(path, &p->files[p->count])) {
                p->count++;
            } else {
                fprintf(stderr, "virtual-device: %s is empty, too large or cannot be read: left out\n", path);
            }
        }
        free(names[i]);
    }
    free(names);
    if (p->count == 0) {
        fprintf(stderr, "virtual-device: there is no .jpg or .jpeg file in %s\n", folder);
    }
    return p->count > 0;
}

pictures *pictures_open(const char *folder, payload kind)
{
    pictures *p = calloc(1, sizeof *p);
    if (p == NULL) {
        return NULL;
    }
    p->payload = kind;
    p->row = malloc((size_t)ch_size_of(CH_SIZES - 1)->width * 3);
    p->constant_bytes = malloc(PICTURE_MAX);
    if (p->row == NULL || p->constant_bytes == NULL || (folder != NULL && !read_folder(p, folder))) {
        pictures_close(p);
        return NULL;
    }
    return p;
}

void pictures_close(pictures *p)
{
    if (p == NULL) {
        return;
    }
    for (unsigned i = 0; i < p->count; i++) {
        free(p->files[i].bytes);
    }
    free(p->row);
    free(p->constant_bytes);
    free(p);
}

void pictures_setup(pictures *p, const ch_camera *camera)
{
    if (camera->size != p->camera.size) {
        p->constant = 0; /* no frame of it is out then; otherwise the same picture stays */
    }
    p->camera = *camera;
}

ch_sensor pictures_sensor(const pictures *p)
{
    /* Files are as large as they are. */
    return (ch_sensor){p->count > 0 ? "folder" : "drawn", CH_SIZES_UP_TO(CH_SIZE_1600X1200), 60};
}

/* --- drawing --- */

/* Digits and what else the picture's line has, 5 rows of 3 bits each, the top row first. */
static const char glyph_names[] = "0123456789#";
static const uint16_t glyphs[] = {
    075557, 026227, 071747, 071717, 055711, 074717, 074757, 071111, 075757, 075717, 057575,
};

static bool in_text(const char *text, unsigned x, unsigned y, unsigned scale)
{
    unsigned column = x / scale, row = y / scale;
    unsigned at = column / 4;
    if (column % 4 == 3 || row >= 5 || at >= strlen(text)) {
        return false;
    }
    const char *name = strchr(glyph_names, text[at]);
    unsigned bits = name == NULL ? 0 : glyphs[name - glyph_names];
    return ((bits >> (3 * (4 - row) + (2 - column % 4))) & 1) != 0;
}

typedef struct scene {
    unsigned width, height, number, scale;
    unsigned ball_x, ball_y, radius;
    char text[16];
} scene;

static scene scene_of(const pictures *p, unsigned width, unsigned height)
{
    scene s = {.width = width, .height = height, .number = p->number, .scale = height / 60 + 1, .radius = height / 8};
    unsigned travel_x = width - 2 * s.radius, travel_y = height - 2 * s.radius;
    unsigned step_x = p->number * 4 % (2 * travel_x), step_y = p->number * 3 % (2 * travel_y);
    s.ball_x = s.radius + (step_x < travel_x ? step_x : 2 * travel_x - step_x);
    s.ball_y = s.radius + (step_y < travel_y ? step_y : 2 * travel_y - step_y);
    snprintf(s.text, sizeof s.text, "#%u", p->number);
    return s;
}

/* A gradient that moves, a ball, and the number of the picture. */
static void draw_row(const scene *s, unsigned y, uint8_t *row)
{
    unsigned margin = 2 * s->scale;
    for (unsigned x = 0; x < s->width; x++, row += 3) {
        int64_t dx = (int64_t)x - s->ball_x, dy = (int64_t)y - s->ball_y;
        bool text = x >= margin && y >= margin && in_text(s->text, x - margin, y - margin, s->scale);
        if (text) {
            memset(row, 255, 3);
        } else if (dx * dx + dy * dy < (int64_t)s->radius * s->radius) {
            row[0] = 230;
            row[1] = 120;
            row[2] = 30;
        } else {
            row[0] = (uint8_t)(x * 200 / s->width);
            row[1] = (uint8_t)(y * 200 / s->height);
            row[2] = (uint8_t)(x + s->number * 2);
        }
    }
}

typedef struct failure {
    struct jpeg_error_mgr manager;
    jmp_buf back;
} failure;

static void fail(j_common_ptr info)
{
    longjmp(((failure *)(void *)info->err)->back, 1);
}

static void set_flips(const ch_camera *camera, unsigned y, unsigned width, unsigned height, const scene *s,
                      uint8_t *row)
{
    draw_row(s, camera->vflip ? height - 1 - y : y, row);
    if (!camera->hflip) {
        return;
    }
    for (unsigned a = 0, b = width - 1; a < b; a++, b--) {
        uint8_t pixel[3];
        memcpy(pixel, row + 3 * (size_t)a, 3);
        memmove(row + 3 * (size_t)a, row + 3 * (size_t)b, 3);
        memcpy(row + 3 * (size_t)b, pixel, 3);
    }
}

/* Draws and encodes into `to`. The number of bytes, 0 if it failed. */
static size_t draw(pictures *p, uint8_t *to)
{
    const ch_size_info *size = ch_size_of(p->camera.size);
    struct jpeg_compress_struct info;
    failure errors;
    unsigned char *out = to;
    unsigned long len = PICTURE_MAX;
    scene s = scene_of(p, size->width, size->height);
    info.err = jpeg_std_error(&errors.manager);
    errors.manager.error_exit = fail;
    if (setjmp(errors.back) != 0) {
        jpeg_destroy_compress(&info);
        return 0;
    }
    jpeg_create_compress(&info);
    jpeg_mem_dest(&info, &out, &len);
    info.image_width = size->width;
    info.image_height = size->height;
    info.input_components = 3;
    info.in_color_space = JCS_RGB;
    jpeg_set_defaults(&info);
    /* 4:2:2, as the sensors' own encoders give. */
    info.comp_info[0].h_samp_factor = 2;
    info.comp_info[0].v_samp_factor = 1;
    jpeg_set_quality(&info, p->camera.quality, TRUE);
    jpeg_start_compress(&info, TRUE);
    while (info.next_scanline < info.image_height) {
        JSAMPROW row = p->row;
        set_flips(&p->camera, info.next_scanline, size->width, size->height, &s, row);
        jpeg_write_scanlines(&info, &row, 1);
    }
    jpeg_finish_compress(&info);
    jpeg_destroy_compress(&info);
    if (out != to) {
        free(out); /* it grew out of the buffer */
        return 0;
    }
    return len;
}

static bool fill(pictures *p, buffer *b, ch_frame *frame)
{
    frame->data = b->bytes;
    if (p->payload == PAYLOAD_HELLO) {
        frame->len = sizeof HELLO - 1;
        memcpy(b->bytes, HELLO, sizeof HELLO - 1);
        return true;
    }
    if (p->payload == PAYLOAD_JPEG) {
        p->constant = p->constant != 0 ? p->constant : draw(p, p->constant_bytes);
        frame->data = p->constant_bytes;
        frame->len = (uint32_t)p->constant;
        return frame->len > 0;
    }
    if (p->count > 0) {
        const file *f = &p->files[p->next++ % p->count];
        frame->data = f->bytes;
        frame->len = (uint32_t)f->len;
        return true;
    }
    frame->len = (uint32_t)draw(p, b->bytes);
    return frame->len > 0;
}

bool pictures_take(pictures *p, ch_frame *frame)
{
    for (unsigned i = 0; i < CAMERA_BUFFERS; i++) {
        buffer *b = &p->buffers[i];
        if (b->used) {
            continue;
        }
        ch_ms began = now_ms();
        *frame = (ch_frame){.taken = began, .handle = b};
        p->number++;
        if (!fill(p, b, frame)) {
            return false;
        }
        frame->capture_ms = (uint16_t)(now_ms() - began);
        b->used = true;
        return true;
    }
    return false;
}

void pictures_return(pictures *p, void *handle)
{
    (void)p;
    ((buffer *)handle)->used = false;
}

void pictures_return_all(pictures *p)
{
    for (unsigned i = 0; i < CAMERA_BUFFERS; i++) {
        p->buffers[i].used = false;
    }
}
