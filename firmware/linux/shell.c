#include "shell.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define VITALS_EVERY_MS 1000
#define UPDATE_STEP_MS 100
#define UPDATE_STEP_PERCENT 10
#define PSRAM_SIZE (8u * 1024 * 1024)
#define IDLE_POLL_MS 1000
/* Actions carried out between two looks at the sockets, so that a fast sender cannot keep the loop from them. */
#define ACTIONS_MAX 64

static volatile sig_atomic_t stopped;

static void stop(int number)
{
    (void)number;
    stopped = 1;
}

ch_ms now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (ch_ms)now.tv_sec * 1000 + (ch_ms)now.tv_nsec / 1000000;
}

void shell_event(shell *sh, const ch_event *event)
{
    ch_device_event(&sh->device, now_ms(), event);
}

static void print(void *context, const char *text, size_t len)
{
    shell *sh = context;
    terminal_print(&sh->terminal, text, len);
}

void shell_print(shell *sh, const char *text)
{
    print(sh, text, strlen(text));
}

/* The device starts: at the beginning, and after each reboot. */
static void start(shell *sh, const char *reset)
{
    ch_printer printer = {sh, print};
    sh->board.reset = reset;
    sh->board.trial = sh->new_image;
    sh->new_image = false;
    sh->update_at = CH_NEVER;
    sh->vitals_at = 0;
    sh->seed = sh->seed * 1664525u + 1013904223u;
    ch_device_init(&sh->device, &sh->board, &sh->store, printer, sh->seed, now_ms());
}

static void reboot(shell *sh, bool rollback)
{
    websocket_end(sh->ws);
    discovery_stop(&sh->discovery);
    tcp_cut(&sh->tcp);
    tcp_stop(&sh->tcp);
    sh->wifi.joined = false;
    sh->wifi.answer_at = CH_NEVER;
    sh->wifi.scan_at = CH_NEVER;
    pictures_return_all(sh->pictures);
    /* As the boot loader does it: an image that is not confirmed by now is taken back, and that stays known. */
    sh->board.rolled_back = !sh->new_image && (rollback || sh->board.trial || sh->board.rolled_back);
    start(sh, "software");
}

static void set_up_camera(shell *sh, const ch_action *action)
{
    if (!action->power) {
        return;
    }
    if (sh->camera_fault[0] != '\0') {
        shell_event(sh, &(ch_event){.kind = CH_EV_CAMERA_FAILED, .text = sh->camera_fault});
        return;
    }
    ch_sensor sensor = pictures_sensor(sh->pictures);
    pictures_setup(sh->pictures, &action->camera);
    shell_event(sh, &(ch_event){.kind = CH_EV_CAMERA_UP, .sensor = &sensor});
}

static void discover(shell *sh, uint32_t attempt)
{
    if (sh->discovery.on) {
        discovery_start(&sh->discovery, attempt);
        return;
    }
    ch_event event = {.kind = sh->found_host[0] != '\0' ? CH_EV_FOUND : CH_EV_NOT_FOUND,
                      .attempt = attempt,
                      .text = sh->found_host,
                      .number = sh->found_port};
    shell_event(sh, &event);
}

static void listen_tcp(shell *sh, uint32_t port)
{
    const char *why = tcp_listen(&sh->tcp, (uint16_t)port);
    if (why != NULL) {
        shell_event(sh, &(ch_event){.kind = CH_EV_TCPCAM_FAILED, .text = why});
    }
}

static void carry_out(shell *sh, const ch_action *action)
{
    switch (action->kind) {
    case CH_DO_WIFI_CONNECT:
        wifi_connect(sh, action);
        break;
    case CH_DO_WIFI_DISCONNECT:
        wifi_disconnect(sh);
        break;
    case CH_DO_WIFI_SCAN:
        wifi_scan(sh, action->number);
        break;
    case CH_DO_DISCOVER:
        discover(sh, action->attempt);
        break;
    case CH_DO_WS_OPEN:
        websocket_open(sh->ws, action);
        break;
    case CH_DO_WS_CLOSE:
        websocket_end(sh->ws);
        break;
    case CH_DO_WS_PING:
        websocket_ping(sh->ws);
        break;
    case CH_DO_WS_TEXT:
    case CH_DO_WS_FRAME:
        websocket_send(sh->ws, action, action->kind == CH_DO_WS_TEXT);
        break;
    case CH_DO_CAMERA:
        set_up_camera(sh, action);
        break;
    case CH_DO_CAMERA_DUMP:
        break; /* there are no registers */
    case CH_DO_RETURN:
        pictures_return(sh->pictures, action->handle);
        break;
    case CH_DO_TCPCAM_LISTEN:
        listen_tcp(sh, action->number);
        break;
    case CH_DO_TCPCAM_STOP:
        tcp_stop(&sh->tcp);
        break;
    case CH_DO_TCPCAM_SEND:
        tcp_send(&sh->tcp, action);
        break;
    case CH_DO_TCPCAM_CLOSE:
        tcp_close(&sh->tcp, action->client);
        break;
    case CH_DO_UPDATE:
        sh->update_at = now_ms() + UPDATE_STEP_MS;
        sh->update_percent = 0;
        break;
    case CH_DO_UPDATE_STOP:
        sh->update_at = CH_NEVER;
        break;
    case CH_DO_CONFIRM:
        sh->board.trial = false;
        sh->board.rolled_back = false;
        break;
    case CH_DO_REBOOT:
        reboot(sh, action->rollback);
        break;
    }
}

/* An update is played, not loaded: what the server sees is real, the image is not. */
static void update_tick(shell *sh, ch_ms now)
{
    if (now < sh->update_at) {
        return;
    }
    sh->update_percent += UPDATE_STEP_PERCENT;
    sh->update_at = now + UPDATE_STEP_MS;
    if (sh->update_percent < 100) {
        shell_event(sh, &(ch_event){.kind = CH_EV_UPDATE_PROGRESS, .number = sh->update_percent});
        return;
    }
    bool good = sh->update_fault[0] == '\0';
    sh->update_at = CH_NEVER;
    sh->new_image = good;
    shell_event(sh, &(ch_event){.kind = good ? CH_EV_UPDATE_DONE : CH_EV_UPDATE_FAILED, .text = sh->update_fault});
}

static void vitals_tick(shell *sh, ch_ms now)
{
    if (now < sh->vitals_at) {
        return;
    }
    ch_vitals vitals = {
        .have_rssi = sh->wifi.at != NULL,
        .rssi = sh->wifi.at != NULL ? sh->wifi.at->rssi : (int8_t)0,
        .have_temperature = true,
        .temperature = sh->temperature,
        .have_psram = sh->board.psram_size != 0,
        .psram = sh->board.psram_size / 2,
        .heap = 181000,
        .heap_min = 163000,
    };
    sh->vitals_at = now + VITALS_EVERY_MS;
    shell_event(sh, &(ch_event){.kind = CH_EV_VITALS, .vitals = &vitals});
}

static void on_line(void *context, const char *line)
{
    shell *sh = context;
    if (!sim_line(sh, line)) {
        ch_device_line(&sh->device, now_ms(), line);
    }
    sh->busy_prompt = true;
}

/* The prompt comes back when the command is done, a scan with its last result. */
static void prompt_tick(shell *sh)
{
    if (sh->busy_prompt && !ch_device_is_scanning(&sh->device)) {
        sh->busy_prompt = false;
        terminal_prompt(&sh->terminal);
    }
}

static void work(shell *sh)
{
    ch_action action;
    ch_frame frame;
    for (unsigned i = 0; i < ACTIONS_MAX && ch_device_next(&sh->device, now_ms(), &action); i++) {
        carry_out(sh, &action);
    }
    if (!ch_device_wants_frame(&sh->device, now_ms())) {
        return;
    }
    while (ch_device_next(&sh->device, now_ms(), &action)) {
        carry_out(sh, &action);
    }
    if (!pictures_take(sh->pictures, &frame)) {
        shell_event(sh, &(ch_event){.kind = CH_EV_CAMERA_ERROR});
    } else if (!ch_device_frame(&sh->device, now_ms(), &frame)) {
        pictures_return(sh->pictures, frame.handle);
    }
}

static int wait_ms(const shell *sh)
{
    ch_ms now = now_ms(), first = ch_device_deadline(&sh->device, now);
    ch_ms others[] = {wifi_deadline(&sh->wifi), sh->update_at, sh->vitals_at, discovery_deadline(&sh->discovery)};
    for (unsigned i = 0; i < sizeof others / sizeof others[0]; i++) {
        first = others[i] < first ? others[i] : first;
    }
    ch_ms wait = first <= now ? 0 : first - now;
    return websocket_timeout(sh->ws, wait < IDLE_POLL_MS ? (int)wait : IDLE_POLL_MS);
}

static void wait_and_serve(shell *sh)
{
    struct pollfd fds[POLL_MAX];
    unsigned count = 0;
    if (sh->terminal.open) {
        fds[count++] = (struct pollfd){.fd = sh->terminal.in, .events = POLLIN};
    }
    unsigned tcp_from = count;
    count += tcp_poll(&sh->tcp, fds + count);
    unsigned tcp_count = count - tcp_from;
    count += websocket_poll(sh->ws, fds + count) ? 1 : 0;
    count += discovery_poll(&sh->discovery, fds + count) ? 1 : 0;
    if (poll(fds, count, wait_ms(sh)) > 0) {
        tcp_service(&sh->tcp, fds + tcp_from, tcp_count);
        if (sh->terminal.open && fds[0].revents != 0) {
            terminal_read(&sh->terminal, on_line, sh);
        }
    }
    websocket_service(sh->ws);
}

bool shell_init(shell *sh, const options *o)
{
    memset(sh, 0, sizeof *sh);
    sh->board = (ch_board){
        .id = o->id,
        .model = "virtual-device",
        .firmware = "0.1.0",
        .psram_size = PSRAM_SIZE,
        .needs_psram = true,
        .has_led = true,
        .has_update = true,
        .frames = CAMERA_BUFFERS - 1,
    };
    sh->temperature = 41;
    sh->seed = (uint32_t)now_ms() ^ (uint32_t)time(NULL);
    wifi_init(&sh->wifi);
    tcp_init(&sh->tcp, &sh->device);
    terminal_stdin(&sh->terminal);
    if (!discovery_init(&sh->discovery, &sh->device, o->mdns)) {
        fprintf(stderr, "virtual-device: --mdns takes an IPv4 address of this machine, not %s\n", o->mdns);
        return false;
    }
    sh->file = store_open(o->store);
    sh->pictures = pictures_open(o->pictures, o->payload);
    sh->ws = websocket_new(&sh->device, o->ca);
    if (sh->file == NULL || sh->pictures == NULL || sh->ws == NULL) {
        return false;
    }
    if (o->pty && !terminal_pty(&sh->terminal)) {
        fprintf(stderr, "virtual-device: no pseudo-terminal could be made\n");
        return false;
    }
    sh->store = store_interface(sh->file);
    start(sh, "power-on");
    for (unsigned i = 0; i < o->lines; i++) {
        on_line(sh, o->line[i]);
    }
    sh->busy_prompt = true;
    return true;
}

int shell_run(shell *sh)
{
    struct sigaction action = {.sa_handler = stop};
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    signal(SIGPIPE, SIG_IGN);
    while (!sh->quit && stopped == 0) {
        ch_ms now = now_ms();
        wifi_tick(sh, now);
        update_tick(sh, now);
        vitals_tick(sh, now);
        discovery_tick(&sh->discovery, now);
        work(sh);
        prompt_tick(sh);
        wait_and_serve(sh);
    }
    return EXIT_SUCCESS;
}

void shell_free(shell *sh)
{
    discovery_stop(&sh->discovery);
    tcp_cut(&sh->tcp);
    tcp_stop(&sh->tcp);
    websocket_free(sh->ws);
    pictures_close(sh->pictures);
    store_close(sh->file);
}
