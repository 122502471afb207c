#include "shell.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define ENTRIES_MAX 64
#define NAME_SIZE 34 /* namespace/key */
#define VALUE_SIZE 160

typedef struct entry {
    char name[NAME_SIZE];
    char kind; /* 's' text, 'n' number */
    char value[VALUE_SIZE];
} entry;

struct store_file {
    char *path;
    bool broken;
    unsigned count;
    entry entries[ENTRIES_MAX];
};

static bool full_name(char name[NAME_SIZE], const char *space, const char *key)
{
    int len = snprintf(name, NAME_SIZE, "%s/%s", space, key);
    return len > 0 && len < NAME_SIZE;
}

static entry *find(store_file *s, const char *name)
{
    for (unsigned i = 0; i < s->count; i++) {
        if (strcmp(s->entries[i].name, name) == 0) {
            return &s->entries[i];
        }
    }
    return NULL;
}

static bool put(store_file *s, const char *name, char kind, const char *value)
{
    entry *e = find(s, name);
    if (strlen(name) >= NAME_SIZE || strlen(value) >= VALUE_SIZE || strchr(value, '\n') != NULL) {
        return false;
    }
    if (e == NULL) {
        if (s->count == ENTRIES_MAX) {
            return false;
        }
        e = &s->entries[s->count++];
        memcpy(e->name, name, strlen(name) + 1);
    }
    e->kind = kind;
    memcpy(e->value, value, strlen(value) + 1);
    return true;
}

/* One line of the file, `wifi/ssid=s:Home`. */
static bool read_line(store_file *s, char *line)
{
    line[strcspn(line, "\n")] = '\0';
    char *equals = strchr(line, '=');
    if (equals == NULL || (equals[1] != 's' && equals[1] != 'n') || equals[2] != ':') {
        return false;
    }
    *equals = '\0';
    return put(s, line, equals[1], equals + 3);
}

/* False: there is a file, and it cannot be read. */
static bool read_all(store_file *s)
{
    char line[NAME_SIZE + VALUE_SIZE + 4];
    FILE *file = fopen(s->path, "r");
    if (file == NULL) {
        return errno == ENOENT;
    }
    for (unsigned number = 1; fgets(line, sizeof line, file) != NULL; number++) {
        if (!read_line(s, line)) {
            fprintf(stderr, "virtual-device: %s, line %u: not a setting, ignored\n", s->path, number);
        }
    }
    bool good = ferror(file) == 0;
    fclose(file);
    return good;
}

store_file *store_open(const char *path)
{
    store_file *s = calloc(1, sizeof *s);
    if (s == NULL || path == NULL) {
        return s;
    }
    s->path = strdup(path);
    if (s->path == NULL || !read_all(s)) {
        /* To begin without it would replace it at the next save. */
        fprintf(stderr, "virtual-device: the settings in %s cannot be read\n", path);
        store_close(s);
        return NULL;
    }
    return s;
}

void store_close(store_file *s)
{
    if (s != NULL) {
        free(s->path);
        free(s);
    }
}

static ch_found get_string(void *context, const char *space, const char *key, char *to, size_t size)
{
    char name[NAME_SIZE];
    const entry *e = full_name(name, space, key) ? find(context, name) : NULL;
    if (e == NULL) {
        return CH_ABSENT;
    }
    return e->kind == 's' && ch_copy(to, size, e->value) ? CH_FOUND : CH_UNREADABLE;
}

static ch_found get_u16(void *context, const char *space, const char *key, uint16_t *value)
{
    char name[NAME_SIZE];
    uint32_t number;
    const entry *e = full_name(name, space, key) ? find(context, name) : NULL;
    if (e == NULL) {
        return CH_ABSENT;
    }
    if (e->kind != 'n' || !ch_parse_u32(e->value, 0, UINT16_MAX, &number)) {
        return CH_UNREADABLE;
    }
    *value = (uint16_t)number;
    return CH_FOUND;
}

static bool set_string(void *context, const char *space, const char *key, const char *value)
{
    store_file *s = context;
    char name[NAME_SIZE];
    return !s->broken && full_name(name, space, key) && put(s, name, 's', value);
}

static bool set_u16(void *context, const char *space, const char *key, uint16_t value)
{
    store_file *s = context;
    char name[NAME_SIZE], digits[6];
    snprintf(digits, sizeof digits, "%u", value);
    return !s->broken && full_name(name, space, key) && put(s, name, 'n', digits);
}

static bool erase_space(void *context, const char *space)
{
    store_file *s = context;
    size_t len = strlen(space);
    unsigned kept = 0;
    if (s->broken) {
        return false;
    }
    for (unsigned i = 0; i < s->count; i++) {
        const entry *e = &s->entries[i];
        if (strncmp(e->name, space, len) != 0 || e->name[len] != '/') {
            s->entries[kept++] = *e;
        }
    }
    s->count = kept;
    return true;
}

/* Writes a new file and moves it over the old one, so that a crash leaves one or the other. */
static bool commit(void *context)
{
    store_file *s = context;
    char path[4096];
    if (s->broken) {
        return false;
    }
    if (s->path == NULL) {
        return true;
    }
    int len = snprintf(path, sizeof path, "%s.new", s->path);
    FILE *file = len > 0 && (size_t)len < sizeof path ? fopen(path, "w") : NULL;
    if (file == NULL) {
        return false;
    }
    /* It holds a password and a token. */
    bool good = fchmod(fileno(file), S_IRUSR | S_IWUSR) == 0;
    for (unsigned i = 0; i < s->count; i++) {
        const entry *e = &s->entries[i];
        good = fprintf(file, "%s=%c:%s\n", e->name, e->kind, e->value) > 0 && good;
    }
    good = fflush(file) == 0 && fsync(fileno(file)) == 0 && good;
    good = fclose(file) == 0 && good;
    return good && rename(path, s->path) == 0;
}

ch_store store_interface(store_file *s)
{
    return (ch_store){
        .context = s,
        .get_string = get_string,
        .get_u16 = get_u16,
        .set_string = set_string,
        .set_u16 = set_u16,
        .erase_space = erase_space,
        .commit = commit,
    };
}

void store_break(store_file *s, bool broken)
{
    s->broken = broken;
}
