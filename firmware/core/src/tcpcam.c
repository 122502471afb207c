#include "camherd/tcpcam.h"

#include <string.h>

#define HEAD 4u

static bool is_end_mark(uint8_t byte)
{
    return byte == '\r' || byte == '\n' || byte == '\0';
}

static void let_go(ch_tcpcam *server, ch_tcpcam_client *client)
{
    ch_frames_drop(server->frames, client->frame);
    client->frame = CH_NO_FRAME;
    client->offered = false;
}

static void close_client(ch_tcpcam *server, ch_tcpcam_client *client)
{
    let_go(server, client);
    client->state = CH_TCPCAM_CLOSING;
}

void ch_tcpcam_init(ch_tcpcam *server, ch_frames *frames, const char *pin)
{
    memset(server, 0, sizeof *server);
    server->frames = frames;
    server->newest = CH_NO_FRAME;
    for (int i = 0; i < CH_TCPCAM_CLIENTS; i++) {
        server->clients[i].frame = CH_NO_FRAME;
    }
    ch_tcpcam_set_pin(server, pin);
}

void ch_tcpcam_set_pin(ch_tcpcam *server, const char *pin)
{
    ch_copy(server->pin, sizeof server->pin, pin);
}

int ch_tcpcam_open(ch_tcpcam *server, ch_ms now)
{
    if (now < server->locked_until) {
        return -1;
    }
    for (int i = 0; i < CH_TCPCAM_CLIENTS; i++) {
        ch_tcpcam_client *client = &server->clients[i];
        if (client->state == CH_TCPCAM_FREE) {
            memset(client, 0, sizeof *client);
            client->state = CH_TCPCAM_PIN;
            client->frame = CH_NO_FRAME;
            client->since = now;
            return i;
        }
    }
    return -1;
}

static void refuse(ch_tcpcam *server, ch_tcpcam_client *client, ch_ms now)
{
    if (++server->wrong >= CH_TCPCAM_TRIES) {
        server->wrong = 0;
        server->locked_until = now + CH_TCPCAM_LOCK_MS;
    }
    close_client(server, client);
}

/* One byte of the PIN. All of it is compared at once, in a time that does not depend on where it differs. */
static void pin_byte(ch_tcpcam *server, ch_tcpcam_client *client, uint8_t byte, ch_ms now)
{
    size_t wanted = strlen(server->pin);
    uint8_t differs = 0;
    if (is_end_mark(byte)) {
        if (client->pin_len > 0) {
            refuse(server, client, now);
        }
        return;
    }
    client->pin[client->pin_len++] = (char)byte;
    if (client->pin_len < wanted) {
        return;
    }
    for (size_t i = 0; i < wanted; i++) {
        differs |= (uint8_t)(client->pin[i] ^ server->pin[i]);
    }
    /* A PIN that became shorter while this client was at it leaves bytes too many: no match either. */
    if (differs != 0 || client->pin_len != wanted) {
        refuse(server, client, now);
        return;
    }
    server->wrong = 0;
    client->state = CH_TCPCAM_COUNT;
}

static void count_done(ch_tcpcam *server, ch_tcpcam_client *client, ch_ms now)
{
    if (!client->digits) {
        close_client(server, client);
        return;
    }
    client->endless = client->negative || client->count == 0;
    client->state = CH_TCPCAM_READY;
    client->progress = now;
}

static void count_byte(ch_tcpcam *server, ch_tcpcam_client *client, uint8_t byte, ch_ms now)
{
    client->heard = now;
    if (is_end_mark(byte)) {
        if (client->digits || client->signed_count) {
            count_done(server, client, now);
        }
    } else if (byte >= '0' && byte <= '9' && client->count_digits < CH_TCPCAM_COUNT_DIGITS) {
        uint32_t digit = (uint32_t)(byte - '0');
        client->digits = true;
        client->count_digits++;
        client->count = client->count > (INT32_MAX - digit) / 10 ? INT32_MAX : client->count * 10 + digit;
    } else if ((byte == '-' || byte == '+') && !client->digits && !client->signed_count) {
        client->signed_count = true;
        client->negative = byte == '-';
    } else {
        close_client(server, client);
    }
}

void ch_tcpcam_received(ch_tcpcam *server, ch_ms now, int number, const uint8_t *bytes, size_t len)
{
    ch_tcpcam_client *client = &server->clients[number];
    for (size_t i = 0; i < len; i++) {
        if (client->state == CH_TCPCAM_PIN) {
            pin_byte(server, client, bytes[i], now);
        } else if (client->state == CH_TCPCAM_COUNT) {
            count_byte(server, client, bytes[i], now);
        } else {
            return; /* the request is complete; clients pad it */
        }
    }
}

void ch_tcpcam_ended(ch_tcpcam *server, ch_ms now, int number)
{
    ch_tcpcam_client *client = &server->clients[number];
    if (client->state == CH_TCPCAM_COUNT) {
        count_done(server, client, now);
    } else if (client->state == CH_TCPCAM_PIN) {
        close_client(server, client);
    }
}

void ch_tcpcam_gone(ch_tcpcam *server, int number)
{
    let_go(server, &server->clients[number]);
    server->clients[number].state = CH_TCPCAM_FREE;
}

void ch_tcpcam_sent(ch_tcpcam *server, ch_ms now, int number, size_t taken)
{
    ch_tcpcam_client *client = &server->clients[number];
    if (client->state != CH_TCPCAM_SENDING || taken == 0) {
        return;
    }
    client->offered = false;
    client->progress = now;
    client->sent += (uint32_t)taken;
    if (client->sent < HEAD + ch_frames_at(server->frames, client->frame)->len) {
        return;
    }
    let_go(server, client);
    client->state = CH_TCPCAM_READY;
    if (!client->endless && --client->count == 0) {
        close_client(server, client);
    }
}

void ch_tcpcam_offer(ch_tcpcam *server, int frame)
{
    ch_frames_use(server->frames, frame);
    ch_tcpcam_forget(server);
    server->newest = frame;
}

void ch_tcpcam_forget(ch_tcpcam *server)
{
    ch_frames_drop(server->frames, server->newest);
    server->newest = CH_NO_FRAME;
}

void ch_tcpcam_close_hog(ch_tcpcam *server, ch_ms now)
{
    ch_tcpcam_client *hog = NULL;
    for (int i = 0; i < CH_TCPCAM_CLIENTS; i++) {
        ch_tcpcam_client *client = &server->clients[i];
        bool slow = client->frame != CH_NO_FRAME && now >= client->last_taken + CH_TCPCAM_HOG_MS;
        if (slow && (hog == NULL || client->last_taken < hog->last_taken)) {
            hog = client;
        }
    }
    if (hog != NULL) {
        close_client(server, hog);
    }
}

void ch_tcpcam_close_all(ch_tcpcam *server)
{
    for (int i = 0; i < CH_TCPCAM_CLIENTS; i++) {
        if (server->clients[i].state != CH_TCPCAM_FREE) {
            close_client(server, &server->clients[i]);
        }
    }
    ch_tcpcam_forget(server);
}

static ch_ms client_deadline(const ch_tcpcam_client *client)
{
    ch_ms request = client->since + CH_TCPCAM_REQUEST_MS;
    ch_ms quiet = client->heard + CH_TCPCAM_QUIET_MS;
    switch (client->state) {
    case CH_TCPCAM_PIN:
        return request;
    case CH_TCPCAM_COUNT:
        return client->digits && quiet < request ? quiet : request;
    case CH_TCPCAM_SENDING:
        return client->progress + CH_TCPCAM_STALL_MS;
    default:
        return CH_NEVER;
    }
}

void ch_tcpcam_tick(ch_tcpcam *server, ch_ms now)
{
    for (int i = 0; i < CH_TCPCAM_CLIENTS; i++) {
        ch_tcpcam_client *client = &server->clients[i];
        if (now < client_deadline(client)) {
            continue;
        }
        if (client->state == CH_TCPCAM_COUNT) {
            count_done(server, client, now);
        } else {
            close_client(server, client);
        }
    }
}

ch_ms ch_tcpcam_deadline(const ch_tcpcam *server)
{
    ch_ms first = CH_NEVER;
    for (int i = 0; i < CH_TCPCAM_CLIENTS; i++) {
        ch_ms deadline = client_deadline(&server->clients[i]);
        first = deadline < first ? deadline : first;
    }
    return first;
}

/* Begins the newest frame for a client that has not had it. */
static void begin_frame(ch_tcpcam *server, ch_tcpcam_client *client, ch_ms now)
{
    if (server->newest == CH_NO_FRAME) {
        return;
    }
    const ch_frame *frame = ch_frames_at(server->frames, server->newest);
    if (!ch_frame_is_fresh(frame, now) || (client->any && frame->taken <= client->last_taken)) {
        return;
    }
    ch_frames_use(server->frames, server->newest);
    client->frame = server->newest;
    client->any = true;
    client->last_taken = frame->taken;
    client->progress = now;
    client->sent = 0;
    for (unsigned i = 0; i < HEAD; i++) {
        client->head[i] = (uint8_t)(frame->len >> (8 * (HEAD - 1 - i)));
    }
    client->state = CH_TCPCAM_SENDING;
}

static void next_piece(const ch_tcpcam *server, ch_tcpcam_client *client, ch_tcpcam_action *action)
{
    const ch_frame *frame = ch_frames_at(server->frames, client->frame);
    client->offered = true;
    action->kind = CH_TCPCAM_DO_SEND;
    action->more = client->sent < HEAD;
    if (client->sent < HEAD) {
        action->data = client->head + client->sent;
        action->len = HEAD - client->sent;
    } else {
        action->data = frame->data + (client->sent - HEAD);
        action->len = frame->len - (client->sent - HEAD);
    }
}

bool ch_tcpcam_next_close(ch_tcpcam *server, int *number)
{
    for (int i = 0; i < CH_TCPCAM_CLIENTS; i++) {
        if (server->clients[i].state == CH_TCPCAM_CLOSING) {
            server->clients[i].state = CH_TCPCAM_FREE;
            *number = i;
            return true;
        }
    }
    return false;
}

bool ch_tcpcam_next(ch_tcpcam *server, ch_ms now, ch_tcpcam_action *action)
{
    for (int i = 0; i < CH_TCPCAM_CLIENTS; i++) {
        int number = (server->turn + i) % CH_TCPCAM_CLIENTS;
        ch_tcpcam_client *client = &server->clients[number];
        *action = (ch_tcpcam_action){.client = number};
        if (client->state == CH_TCPCAM_READY) {
            begin_frame(server, client, now);
        }
        if (client->state == CH_TCPCAM_CLOSING) {
            client->state = CH_TCPCAM_FREE;
            action->kind = CH_TCPCAM_DO_CLOSE;
        } else if (client->state == CH_TCPCAM_SENDING && !client->offered) {
            next_piece(server, client, action);
        } else {
            continue;
        }
        server->turn = (uint8_t)((number + 1) % CH_TCPCAM_CLIENTS);
        return true;
    }
    return false;
}

unsigned ch_tcpcam_watching(const ch_tcpcam *server)
{
    unsigned count = 0;
    for (int i = 0; i < CH_TCPCAM_CLIENTS; i++) {
        ch_tcpcam_state state = server->clients[i].state;
        count += state == CH_TCPCAM_READY || state == CH_TCPCAM_SENDING ? 1 : 0;
    }
    return count;
}

unsigned ch_tcpcam_clients(const ch_tcpcam *server)
{
    unsigned count = 0;
    for (int i = 0; i < CH_TCPCAM_CLIENTS; i++) {
        count += server->clients[i].state != CH_TCPCAM_FREE ? 1 : 0;
    }
    return count;
}
