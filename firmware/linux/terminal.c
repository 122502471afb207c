#include "shell.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#define BACKSPACE 0x08
#define DELETE 0x7f

void terminal_stdin(terminal *t)
{
    *t = (terminal){.in = STDIN_FILENO, .out = STDOUT_FILENO, .open = true, .keep = -1};
    t->prompt = isatty(STDIN_FILENO) != 0;
}

bool terminal_pty(terminal *t)
{
    char path[128];
    struct termios mode;
    int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (master < 0 || grantpt(master) != 0 || unlockpt(master) != 0 || ptsname_r(master, path, sizeof path) != 0) {
        return false;
    }
    /* Held open, or reading fails whenever the last user has closed it. */
    int other = open(path, O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (other < 0 || tcgetattr(other, &mode) != 0) {
        return false;
    }
    cfmakeraw(&mode);
    tcsetattr(other, TCSANOW, &mode);
    fcntl(master, F_SETFL, O_NONBLOCK);
    *t = (terminal){.in = master, .out = master, .raw = true, .prompt = true, .open = true, .keep = other};
    printf("%s\n", path);
    fflush(stdout);
    return true;
}

/* Writes all of it; a pty whose user does not read loses it, as a serial line does. */
static void write_all(const terminal *t, const char *text, size_t len)
{
    while (len > 0) {
        ssize_t wrote = write(t->out, text, len);
        if (wrote < 0 && errno == EINTR) {
            continue;
        }
        if (wrote <= 0) {
            return;
        }
        text += wrote;
        len -= (size_t)wrote;
    }
}

void terminal_prompt(terminal *t)
{
    if (t->prompt) {
        write_all(t, CH_PROMPT, strlen(CH_PROMPT));
    }
}

void terminal_print(terminal *t, const char *text, size_t len)
{
    if (!t->raw) {
        write_all(t, text, len);
        return;
    }
    for (size_t i = 0; i < len; i++) {
        write_all(t, text[i] == '\n' ? "\r\n" : text + i, text[i] == '\n' ? 2 : 1);
    }
}

/* Takes the last character back, all bytes of it. */
static void erase_one(terminal *t)
{
    if (t->len > 0) {
        do {
            t->len--;
        } while (t->len > 0 && ((unsigned char)t->line[t->len] & 0xc0) == 0x80);
        if (t->raw) {
            write_all(t, "\b \b", 3);
        }
    }
}

static void take(terminal *t, char c, void (*line)(void *, const char *), void *context)
{
    if (c == '\n' && t->ended_cr) {
        t->ended_cr = false; /* CR LF is one end */
        return;
    }
    t->ended_cr = c == '\r';
    if (c == '\n' || c == '\r') {
        if (t->raw) {
            write_all(t, "\r\n", 2);
        }
        t->line[t->len] = '\0';
        t->len = 0;
        line(context, t->line);
    } else if (t->raw && (c == BACKSPACE || c == DELETE)) {
        erase_one(t);
    } else if (c != '\0' && t->len < sizeof t->line - 1) {
        /* One character more than a line may have is kept, so that the core sees that it is too long. */
        t->line[t->len++] = c;
        if (t->raw) {
            write_all(t, &c, 1);
        }
    }
}

void terminal_read(terminal *t, void (*line)(void *, const char *), void *context)
{
    char bytes[512];
    ssize_t len = read(t->in, bytes, sizeof bytes);
    if (len == 0 || (len < 0 && errno != EAGAIN && errno != EINTR)) {
        t->open = false;
        if (t->len > 0) {
            take(t, '\n', line, context); /* the last line needs no end */
        }
        return;
    }
    for (ssize_t i = 0; i < len; i++) {
        take(t, bytes[i], line, context);
    }
}
