/* Finds a server in the local network when none is set. */
#include "app.h"

#include "esp_netif.h"
#include "mdns.h"

#define QUERY_MS 4000
#define RESULTS_MAX 4

static bool ready;

bool discover_init(void)
{
    ready = app_check(mdns_init(), "starting mDNS", "Set the server by hand: `stream set host <host> save`.");
    return ready;
}

/* The first answer with a port and an IPv4 address. */
static bool pick(const mdns_result_t *results, char host[16], uint16_t *port)
{
    for (const mdns_result_t *r = results; r != NULL; r = r->next) {
        for (const mdns_ip_addr_t *a = r->addr; a != NULL && r->port != 0; a = a->next) {
            if (a->addr.type == ESP_IPADDR_TYPE_V4) {
                *port = r->port;
                return esp_ip4addr_ntoa(&a->addr.u_addr.ip4, host, 16) != NULL;
            }
        }
    }
    return false;
}

void discover_run(uint32_t attempt)
{
    mdns_result_t *results = NULL;
    char host[16];
    uint16_t port = 0;
    ch_event event = {.kind = CH_EV_NOT_FOUND, .attempt = attempt};
    if (ready && mdns_query_ptr("_camherd", "_tcp", QUERY_MS, RESULTS_MAX, &results) == ESP_OK &&
        pick(results, host, &port)) {
        event = (ch_event){.kind = CH_EV_FOUND, .attempt = attempt, .text = host, .number = port};
    }
    mdns_query_results_free(results);
    app_event(&event);
}
