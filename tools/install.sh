#!/bin/sh
# Lays the leaderboard out on a machine, and takes it away again.
set -eu

usage() {
    cat <<'TEXT'
usage: tools/install.sh install [PROGRAM_DIR]     (default: build)
       tools/install.sh uninstall

Environment:
  PREFIX    where programs and data go, an absolute path (default: /usr/local)
  DESTDIR   put before every path; then files are laid out and nothing else is done

install puts
  programs, the page, and what lighttpd answers by itself
                      PREFIX/lib/leaderboard
  leaderboards, lighttpd.conf, a crontab for machines without systemd
                      PREFIX/share/leaderboard
  leaderboard-fetcher PREFIX/sbin
  systemd units       /lib/systemd/system
  log rotation        /etc/logrotate.d/leaderboard
  settings            /etc/leaderboard/env, which is kept when it is there
  state               /var/lib/leaderboard
and, as root and without DESTDIR, makes the system user `leaderboard`, who owns the state. It may be
run again at any time. uninstall removes all that but the settings, the state and the user.
TEXT
}

die() {
    echo "install: $1" >&2
    exit "$2"
}

command=${1:-}
case $command in
-h | --help) usage && exit 0 ;;
install) [ $# -le 2 ] || die "too many arguments; see --help" 100 ;;
uninstall) [ $# = 1 ] || die "uninstall takes no arguments; see --help" 100 ;;
*) die "'$command' is no command; see --help" 100 ;;
esac
PREFIX=${PREFIX:-/usr/local} DESTDIR=${DESTDIR:-}
# The paths go into units, scripts and sed, where other characters would need quotes.
case $PREFIX$DESTDIR in
*[!A-Za-z0-9/._+~-]*) die "PREFIX and DESTDIR may hold letters, digits and /._+~- only" 100 ;;
esac
case $PREFIX in
/*) ;;
*) die "PREFIX is no absolute path: $PREFIX" 100 ;;
esac

here=$(cd "$(dirname "$0")/.." && pwd)
lib=$PREFIX/lib/leaderboard share=$PREFIX/share/leaderboard sbin=$PREFIX/sbin
units=/lib/systemd/system settings=/etc/leaderboard/env state=/var/lib/leaderboard
services="leaderboard.service leaderboard-fetcher.timer leaderboard-fetcher.path"
manifest=$share/manifest
real=no
[ -n "$DESTDIR" ] || [ "$(id -u)" != 0 ] || real=yes
running=no
[ $real = no ] || [ ! -d /run/systemd/system ] || running=yes

# put MODE FILE PATH: installs the file there, with @LIB@ and the like filled in unless it is a
# program, and lists it. It is renamed into its place: a server that runs finds the old one or the new one.
put() {
    mkdir -p "$DESTDIR${3%/*}"
    case $1 in
    0755) install -m 0755 "$2" "$DESTDIR$3.new" ;;
    *)
        sed "s|@LIB@|$lib|g; s|@SHARE@|$share|g; s|@SBIN@|$sbin|g" "$2" >"$work/filled"
        install -m "$1" "$work/filled" "$DESTDIR$3.new"
        ;;
    esac
    mv -f "$DESTDIR$3.new" "$DESTDIR$3"
    echo "$3" >>"$work/manifest"
}

# The settings of a production server, from those of the example.
put_settings() {
    replaced='ENVIRONMENT|HOST|PORT|STATE_DIR|LEADERBOARD_CONFIG|HUB_WEBHOOK_SECRET'
    {
        cat <<'TEXT'
# Settings of the leaderboard: NAME=value lines without `export`, and no comments behind values,
# since systemd reads this file as well. `leaderboard-fetcher --help` prints all settings.
# The units, and /etc/logrotate.d/leaderboard, name STATE_DIR too.
ENVIRONMENT=production
HOST=127.0.0.1
PORT=7860
TEXT
        echo "STATE_DIR=$state"
        echo "LEADERBOARD_CONFIG=$share/leaderboards/open-llm.json"
        echo "# What the Hub's webhooks must carry; without it there is no webhook."
        echo "#HUB_WEBHOOK_SECRET="
        sed -E -e '1,/^$/{/./d}' -e 's/ *Without HF_ENDPOINT.*//' -e "/^#?($replaced)=/d" \
            "$here/.env.example"
    } >"$work/settings"
    mkdir -p "$DESTDIR${settings%/*}"
    install -m 0640 "$work/settings" "$DESTDIR$settings"
}

do_install() {
    programs=$(cd "${1:-$here/build}" && pwd) || die "there are no programs; run make first" 111
    [ -x "$programs/fetcher" ] || die "$programs/fetcher is not there; run make first" 111
    work=$(mktemp -d)
    trap 'rm -rf "$work"' EXIT
    umask 022

    put 0755 "$programs/fetcher" "$lib/fetcher"
    for program in "$programs"/*.fcgi; do
        [ "${program##*/}" = hub.fcgi ] || put 0755 "$program" "$lib/${program##*/}"
    done
    for page in "$programs"/www/*.* "$programs"/www/docs/*.* "$programs"/www/errors/*.html; do
        put 0644 "$page" "$lib/www/${page#"$programs"/www/}"
    done
    put 0644 "$here/lighttpd.conf" "$share/lighttpd.conf"
    put 0644 "$here/cron/crontab" "$share/crontab"
    put 0644 "$here/cron/leaderboard.nft" "$share/leaderboard.nft"
    for board in "$here"/leaderboards/*.json; do
        put 0644 "$board" "$share/leaderboards/${board##*/}"
    done
    for unit in "$here"/cron/*.service "$here"/cron/*.timer "$here"/cron/*.path; do
        put 0644 "$unit" "$units/${unit##*/}"
    done
    put 0644 "$here/cron/logrotate" /etc/logrotate.d/leaderboard
    cat >"$work/leaderboard-fetcher" <<TEXT
#!/bin/sh
# The fetcher with the server's settings, as the user who owns the state.
[ "\$(id -u)" != 0 ] || exec runuser -u leaderboard -- "\$0" "\$@"
ENV_FILE=\${ENV_FILE:-$settings} exec $lib/fetcher "\$@"
TEXT
    put 0755 "$work/leaderboard-fetcher" "$sbin/leaderboard-fetcher"

    # What an earlier version had and this one has not.
    if [ -e "$DESTDIR$manifest" ]; then
        grep -vxF -f "$work/manifest" "$DESTDIR$manifest" | while read -r path; do
            rm -f "$DESTDIR$path"
        done
    fi
    install -m 0644 "$work/manifest" "$DESTDIR$manifest"

    [ -e "$DESTDIR$settings" ] || put_settings
    [ -d "$DESTDIR$state" ] || install -d -m 0750 "$DESTDIR$state"
    [ $real = yes ] || return 0
    id leaderboard >/dev/null 2>&1 ||
        useradd --system --user-group --home-dir "$state" --no-create-home --shell /usr/sbin/nologin leaderboard
    chown leaderboard:leaderboard "$state"
    chown root:leaderboard "$settings"
    [ $running = no ] || systemctl daemon-reload
    cat <<TEXT
Installed. Look through $settings, then (systemd):
  systemctl enable --now $services
and after a later install: systemctl reload leaderboard
Without systemd: see $share/crontab.
TEXT
}

do_uninstall() {
    if [ ! -e "$DESTDIR$manifest" ]; then
        echo "Nothing is installed under $DESTDIR$PREFIX."
        return
    fi
    # shellcheck disable=SC2086
    [ $running = no ] || systemctl disable --now $services leaderboard-fetcher.service || true
    while read -r path; do
        rm -f "$DESTDIR$path"
    done <"$DESTDIR$manifest"
    rm -f "$DESTDIR$manifest"
    for folder in "$lib/www/docs" "$lib/www/errors" "$lib/www" "$lib" "$share/leaderboards" "$share"; do
        rmdir "$DESTDIR$folder" 2>/dev/null || true
    done
    [ $running = no ] || systemctl daemon-reload
    echo "Removed. Kept: $DESTDIR$settings, $DESTDIR$state and, if it was made, the user leaderboard."
}

shift
"do_$command" "$@"
