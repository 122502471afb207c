/* virtual-device: the camera firmware's core as a Linux program. */
#include "shell.h"

#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#define ID_MAX 64

static const char help[] =
    "virtual-device: camherd's camera firmware on Linux, with a simulated camera and simulated Wi-Fi\n"
    "\n"
    "  --pty               console on a pseudo-terminal, whose path is the first line printed; else on stdin and "
    "stdout\n"
    "  --store FILE        keep settings in FILE; else they last as long as the program\n"
    "  --pictures FOLDER   send the JPEG files of FOLDER in turn; else pictures are drawn\n"
    "  --payload KIND      camera (the default), jpeg (the same picture always) or hello (a text that is no JPEG)\n"
    "  --id ID             the device's id, by default cam-virtual\n"
    "  --ca FILE           trust the authorities of this PEM file with wss://; else those of the system\n"
    "  --mdns ADDRESS      without a host set, look for a server by multicast DNS on the network of this machine's\n"
    "                      IPv4 ADDRESS; else only `sim discover` says what is found\n"
    "  --run LINE          type LINE on the console at the start; may be given 64 times\n"
    "  --help              this text\n"
    "\n"
    "Console lines are the device's, `help` lists them. Lines that begin with `sim` are for this program alone and "
    "say\n"
    "what happens around the device; `sim help` lists them. Simulated networks at the start: Home (password1),\n"
    "Workshop (hammer-and-tongs), \"Cafe am Eck\" (open). All lead to this machine's network.\n"
    "\n"
    "  virtual-device --run 'wifi set Home password1' --run 'stream set host 127.0.0.1 8080'\n";

static const struct option long_options[] = {
    {"pty", no_argument, NULL, 'p'},
    {"store", required_argument, NULL, 's'},
    {"pictures", required_argument, NULL, 'j'},
    {"payload", required_argument, NULL, 'l'},
    {"id", required_argument, NULL, 'i'},
    {"ca", required_argument, NULL, 'c'},
    {"mdns", required_argument, NULL, 'm'},
    {"run", required_argument, NULL, 'r'},
    {"help", no_argument, NULL, 'h'},
    {NULL, 0, NULL, 0},
};

static bool set_payload(options *o, const char *name)
{
    static const char *const names[] = {"camera", "jpeg", "hello"};
    for (unsigned i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (strcmp(names[i], name) == 0) {
            o->payload = (payload)i;
            return true;
        }
    }
    fprintf(stderr, "virtual-device: --payload takes camera, jpeg or hello, not %s\n", name);
    return false;
}

/* A hello has no room for more. */
static bool set_id(const char *id)
{
    size_t len = strlen(id);
    if (len >= 1 && len <= ID_MAX) {
        return true;
    }
    fprintf(stderr, "virtual-device: --id takes 1 to %d bytes\n", ID_MAX);
    return false;
}

static bool set_line(options *o, const char *line)
{
    if (o->lines == sizeof o->line / sizeof o->line[0]) {
        fprintf(stderr, "virtual-device: --run may be given 64 times\n");
        return false;
    }
    o->line[o->lines++] = line;
    return true;
}

/* False: the program ends with `*status`. */
static bool read_options(int argc, char **argv, options *o, int *status)
{
    int option;
    bool good = true;
    *status = EXIT_FAILURE;
    *o = (options){.id = "cam-virtual"};
    while (good && (option = getopt_long(argc, argv, "", long_options, NULL)) != -1) {
        switch (option) {
        case 'p':
            o->pty = true;
            break;
        case 's':
            o->store = optarg;
            break;
        case 'j':
            o->pictures = optarg;
            break;
        case 'l':
            good = set_payload(o, optarg);
            break;
        case 'i':
            o->id = optarg;
            good = set_id(optarg);
            break;
        case 'c':
            o->ca = optarg;
            break;
        case 'm':
            o->mdns = optarg;
            break;
        case 'r':
            good = set_line(o, optarg);
            break;
        case 'h':
            fputs(help, stdout);
            *status = EXIT_SUCCESS;
            return false;
        default:
            good = false;
            break;
        }
    }
    if (good && optind < argc) {
        fprintf(stderr, "virtual-device: there is no argument %s; --help lists what there is\n", argv[optind]);
        good = false;
    }
    return good;
}

int main(int argc, char **argv)
{
    static shell device;
    options o;
    int status;
    if (!read_options(argc, argv, &o, &status)) {
        return status;
    }
    status = EXIT_FAILURE;
    if (shell_init(&device, &o)) {
        status = shell_run(&device);
    }
    shell_free(&device);
    return status;
}
