#include "gate.h"

#include "file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { WAIT_MS = 500, DOWN_S = 5 };

void
gate_init(struct gate *gate, const struct config *config, const char *name, int places)
{
    *gate = (struct gate){ .config = config, .name = name, .places = places, .place = -1 };
}

void
gate_close(struct gate *gate)
{
    gate_leave(gate);
    hub_close(gate->hub);
    gate->hub = NULL;
}

static void
gate_path(const struct gate *gate, const char *what, char path[PATH_MAX])
{
    snprintf(path, PATH_MAX, "%s/run/%s.%s", gate->config->state_dir, gate->name, what);
}

void
gate_failed(const struct gate *gate)
{
    char path[PATH_MAX];

    gate_path(gate, "hub-down", path);
    int file = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0640);
    if (file < 0)
        return; /* then the next request asks again, as it would without us */
    futimens(file, NULL);
    close(file);
}

static bool
hub_down(const struct gate *gate)
{
    char path[PATH_MAX];
    struct stat file;

    gate_path(gate, "hub-down", path);
    return stat(path, &file) == 0 && time(NULL) >= file.st_mtime &&
           time(NULL) - file.st_mtime < DOWN_S;
}

bool
gate_enter(struct gate *gate, struct error *why)
{
    char path[PATH_MAX], what[16];

    if (gate->place >= 0)
        return true;
    if (hub_down(gate)) {
        error_set(why, "the Hub has not answered within the last %d s", DOWN_S);
        return false;
    }
    if (gate->hub == NULL && (gate->hub = hub_open(gate->config, why)) == NULL)
        return false;
    for (int i = 0; i <= gate->places; i++) {
        /* Each once; then in the queue for the first. */
        int number = i < gate->places ? i : 0;
        snprintf(what, sizeof what, "gate%d", number);
        gate_path(gate, what, path);
        int place = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0640);
        if (place < 0) {
            error_set(why, "cannot open %s: %s", path, strerror(errno));
            return false;
        }
        if (file_lock(place, i < gate->places ? 0 : WAIT_MS)) {
            gate->place = place;
            hub_deadline(gate->hub, gate->config->hub_deadline * 1000);
            return true;
        }
        close(place);
    }
    error_set(why, "%d requests wait for the Hub already", gate->places);
    return false;
}

void
gate_leave(struct gate *gate)
{
    if (gate->place < 0)
        return;
    close(gate->place);
    gate->place = -1;
}
