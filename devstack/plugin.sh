#!/bin/bash
#    Licensed under the Apache License, Version 2.0 (the "License"); you may
#    not use this file except in compliance with the License. You may obtain
#    a copy of the License at
#
#         http://www.apache.org/licenses/LICENSE-2.0
#
#    Unless required by applicable law or agreed to in writing, software
#    distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
#    WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the
#    License for the specific language governing permissions and limitations
#    under the License.

# Kaopu HA in DevStack.  stack.sh, unstack.sh and clean.sh source this file,
# once for each phase:
#
#   stack install       install_kaopu_ha
#   stack post-config   configure_kaopu_ha, keep_kaopu_ha_etcd_small,
#                       create_kaopu_ha_users, open_kaopu_ha_libvirt
#   stack extra         create_kaopu_ha_etcd_roles, start_kaopu_ha
#   unstack             stop_kaopu_ha
#   clean               cleanup_kaopu_ha
#
# It uses DevStack's functions, lib/keystone, and devstack/settings.

# Save trace setting
_XTRACE_KAOPU_HA=$(set +o | grep xtrace)
set +o xtrace

# install_kaopu_ha() - The package; what pip can't install is in devstack/files.
function install_kaopu_ha {
    if is_service_enabled kaopu-ha-api; then
        setup_develop "$KAOPU_HA_DIR" api,osc
        # DevStack has it already where one of its own services is served by it.
        if [[ ! -x "$KAOPU_HA_BIN_DIR/uwsgi" ]]; then
            pip_install uwsgi
        fi
    else
        setup_develop "$KAOPU_HA_DIR"
    fi
    if is_service_enabled horizon; then
        _install_kaopu_ha_panels
    fi
}

# _install_kaopu_ha_panels() - Into Horizon, which shows them where the catalog
# has the API.  Horizon collects their files later, when it is initialized.
function _install_kaopu_ha_panels {
    local local_dir panels=$KAOPU_HA_DIR/dashboard
    local_dir=$(_kaopu_ha_horizon_local)
    pip_install "$panels"
    panels+=/kaopu_ha_dashboard
    cp "$panels"/enabled/_[0-9]*.py "$local_dir/enabled/"
    mkdir -p "$local_dir/local_settings.d"
    cp "$panels"/local_settings.d/_[0-9]*.py "$local_dir/local_settings.d/"
}

# _remove_kaopu_ha_panels() - Horizon would not start without their package.
function _remove_kaopu_ha_panels {
    local file local_dir panels=$KAOPU_HA_DIR/dashboard/kaopu_ha_dashboard
    local_dir=$(_kaopu_ha_horizon_local)
    for file in "$panels"/{enabled,local_settings.d}/_[0-9]*.py; do
        sudo rm -f "$local_dir/${file#"$panels/"}"
    done
}

# configure_kaopu_ha() - One file for all programs of this host.
function configure_kaopu_ha {
    sudo install -d -o "$STACK_USER" -m 0750 "$KAOPU_HA_CONF_DIR"
    sudo install -d -m 0750 "$KAOPU_HA_STATE_PATH"
    # Made anew, so that nothing of a former run stays.
    sudo install -o "$STACK_USER" -m 0640 /dev/null "$KAOPU_HA_CONF"

    setup_logging "$KAOPU_HA_CONF"
    iniset "$KAOPU_HA_CONF" DEFAULT debug "$ENABLE_DEBUG_LOG_LEVEL"
    iniset "$KAOPU_HA_CONF" DEFAULT host "$(_kaopu_ha_host)"
    iniset "$KAOPU_HA_CONF" detection pace "$KAOPU_HA_PACE"
    # DevStack's etcd knows neither TLS nor users.
    iniset "$KAOPU_HA_CONF" store endpoints "$KAOPU_HA_ETCD"
    _configure_kaopu_ha_anchors
    _configure_kaopu_ha_agent
    _configure_kaopu_ha_ceph
    _configure_kaopu_ha_nova
    _configure_kaopu_ha_horizon
    _configure_kaopu_ha_api
}

function _configure_kaopu_ha_anchors {
    local anchors=$KAOPU_HA_ANCHORS
    if [[ -z "$anchors" ]]; then
        anchors=$(ip -4 -o route show default | awk '{ print $3 ":53"; exit }')
    fi
    if [[ -n "$anchors" ]]; then
        iniset "$KAOPU_HA_CONF" libvirt anchors "$anchors"
    fi
}

function _configure_kaopu_ha_agent {
    iniset "$KAOPU_HA_CONF" agent state_path "$KAOPU_HA_STATE_PATH"
    iniset "$KAOPU_HA_CONF" agent compute_restart_command \
        "systemctl restart devstack@n-cpu.service"
    if [[ "$KAOPU_HA_LIBVIRT_TCP" == "True" ]]; then
        iniset "$KAOPU_HA_CONF" agent management_uri \
            "qemu+tcp://$HOST_IP/system"
        iniset "$KAOPU_HA_CONF" libvirt transport tcp
    fi
}

function _configure_kaopu_ha_ceph {
    local networks=$KAOPU_HA_CEPH_NETWORKS
    local pools="${NOVA_CEPH_POOL:-vms}, ${CINDER_CEPH_POOL:-volumes}"
    if [[ -z "$networks" ]]; then
        networks=$(_kaopu_ha_network_of "$HOST_IP")
    fi
    iniset "$KAOPU_HA_CONF" ceph conf "$KAOPU_HA_CEPH_CONF"
    iniset "$KAOPU_HA_CONF" ceph user "$KAOPU_HA_USER"
    iniset "$KAOPU_HA_CONF" ceph keyring "$KAOPU_HA_CEPH_KEYRING"
    iniset "$KAOPU_HA_CONF" ceph pools "$pools"
    iniset "$KAOPU_HA_CONF" ceph client_networks "$networks"
}

function _configure_kaopu_ha_nova {
    # Sets the public endpoints, too: DevStack's catalogue has no others.
    configure_keystoneauth "$KAOPU_HA_CONF" "$KAOPU_HA_USER" nova
    iniset "$KAOPU_HA_CONF" nova region_name "$REGION_NAME"
    if is_service_enabled tls-proxy; then
        iniset "$KAOPU_HA_CONF" nova cafile "$SSL_BUNDLE_FILE"
    fi
}

# _configure_kaopu_ha_api() - Who checks tokens, and how uWSGI serves it.
function _configure_kaopu_ha_api {
    local listen=${SERVICE_LISTEN_ADDRESS:-0.0.0.0} port=$KAOPU_HA_API_PORT
    if ! is_service_enabled kaopu-ha-api; then
        return 0
    fi
    configure_keystone_authtoken_middleware \
        "$KAOPU_HA_CONF" "$KAOPU_HA_API_USER"
    if is_service_enabled tls-proxy; then
        port=$KAOPU_HA_API_PORT_INT
        iniset "$KAOPU_HA_CONF" oslo_middleware \
            enable_proxy_headers_parsing True
    fi
    sudo install -o "$STACK_USER" -m 0640 \
        "$KAOPU_HA_DIR/etc/kaopu-ha/api-uwsgi.ini" "$KAOPU_HA_UWSGI_CONF"
    if [[ "$listen" == *:* ]]; then
        listen="[$listen]"
    fi
    iniset "$KAOPU_HA_UWSGI_CONF" uwsgi http-socket "$listen:$port"
    iniset "$KAOPU_HA_UWSGI_CONF" uwsgi env \
        "OS_KAOPU_HA_CONFIG_FILES=$KAOPU_HA_CONF"
}

# _kaopu_ha_api_url() - Where clients reach the API.
function _kaopu_ha_api_url {
    local protocol=http
    if is_service_enabled tls-proxy; then
        protocol=https
    fi
    echo "$protocol://$SERVICE_HOST:$KAOPU_HA_API_PORT"
}

# _configure_kaopu_ha_horizon() - Who logs in to Horizon is shown what is so.
#
# Only who owns a DevStack logs in to its Horizon, so hosts are named there.
# Horizon is started after this phase.
function _configure_kaopu_ha_horizon {
    local snippet
    snippet=$(_kaopu_ha_horizon_settings)
    sudo rm -f "$snippet"
    if ! is_service_enabled horizon ||
        ! is_service_enabled kaopu-ha-controller; then
        return 0
    fi
    sudo install -d -o "$STACK_USER" -m 0755 "$KAOPU_HA_MESSAGES_PATH"
    iniset "$KAOPU_HA_CONF" notifier drivers log,horizon
    iniset "$KAOPU_HA_CONF" notifier horizon_path "$KAOPU_HA_MESSAGES_PATH"
    iniset "$KAOPU_HA_CONF" notifier horizon_names_hosts True
    echo "MESSAGES_PATH = '$KAOPU_HA_MESSAGES_PATH'" |
        sudo tee "$snippet" >/dev/null
}

# _kaopu_ha_horizon_settings() - A file beside Horizon's local_settings.py.
function _kaopu_ha_horizon_settings {
    echo "$(_kaopu_ha_horizon_local)/local_settings.d/_90_kaopu_ha.py"
}

# _kaopu_ha_horizon_local() - The folder of Horizon's local files.
function _kaopu_ha_horizon_local {
    echo "${HORIZON_DIR:-$DEST/horizon}/openstack_dashboard/local"
}

# _kaopu_ha_host() - The name of this host's nova-compute service.
function _kaopu_ha_host {
    local host=""
    if [[ -r "${NOVA_CONF:-}" ]]; then
        host=$(iniget "$NOVA_CONF" DEFAULT host)
    fi
    echo "${host:-$(uname -n)}"
}

# _kaopu_ha_network_of(address) - The network of an address of this host.
function _kaopu_ha_network_of {
    local interface
    interface=$(ip -o addr show to "$1" | awk '{ print $4; exit }')
    if [[ -z "$interface" ]]; then
        die $LINENO "No interface has $1: set KAOPU_HA_CEPH_NETWORKS"
    fi
    "${PYTHON:-python3}" -c "import ipaddress, sys
print(ipaddress.ip_interface(sys.argv[1]).network)" "$interface"
}

# create_kaopu_ha_users() - In Keystone and Ceph, from where the controller is.
function create_kaopu_ha_users {
    if is_service_enabled kaopu-ha-controller; then
        create_service_user "$KAOPU_HA_USER" admin
        _check_kaopu_ha_login
        _create_kaopu_ha_ceph_user
        _let_guests_break_locks
    elif ! sudo test -r "$KAOPU_HA_CEPH_KEYRING"; then
        die $LINENO "Copy $KAOPU_HA_CEPH_KEYRING here from the controller"
    fi
    if is_service_enabled kaopu-ha-api; then
        _create_kaopu_ha_api_accounts
    fi
}

# The role service, which this gives, lets it check tokens, and no more.
function _create_kaopu_ha_api_accounts {
    create_service_user "$KAOPU_HA_API_USER"
    get_or_create_service kaopu-ha instance-ha "High availability"
    get_or_create_endpoint instance-ha "$REGION_NAME" \
        "$(_kaopu_ha_api_url)/v1"
}

# DevStack leaves a user that is there as it is, with a former password: a
# recovery would stop at Nova, long after stack.sh has ended well.
function _check_kaopu_ha_login {
    if ! (
        unset OS_CLOUD
        export OS_PASSWORD=$SERVICE_PASSWORD
        openstack --os-auth-url "$KEYSTONE_SERVICE_URI" \
            --os-username "$KAOPU_HA_USER" \
            --os-user-domain-name "$SERVICE_DOMAIN_NAME" \
            --os-project-name "$SERVICE_PROJECT_NAME" \
            --os-project-domain-name "$SERVICE_DOMAIN_NAME" \
            token issue >/dev/null
    ); then
        die $LINENO "$KAOPU_HA_USER can't log in with SERVICE_PASSWORD"
    fi
}

function _kaopu_ha_ceph {
    sudo ceph --conf "$KAOPU_HA_CEPH_CONF" --connect-timeout 20 "$@"
}

# It may look at who has an image open, ask them, and write the blocklist.
function _create_kaopu_ha_ceph_user {
    local user=client.$KAOPU_HA_USER
    local pool prefix keyring osd=""
    for pool in "${NOVA_CEPH_POOL:-vms}" "${CINDER_CEPH_POOL:-volumes}"; do
        for prefix in rbd_header rbd_id; do
            osd+="${osd:+, }allow r pool=$pool object_prefix $prefix"
        done
    done
    # In two steps: get-or-create with caps fails if the user has others.
    _kaopu_ha_ceph auth get-or-create "$user" >/dev/null
    _kaopu_ha_ceph auth caps "$user" \
        mon 'allow r, allow command "osd blocklist"' osd "$osd"
    keyring=$(_kaopu_ha_ceph auth get "$user")
    sudo install -o "$STACK_USER" -m 0640 \
        /dev/stdin "$KAOPU_HA_CEPH_KEYRING" <<<"$keyring"
}

# _let_guests_break_locks() - Give the users of guests' disks the profile rbd.
#
# These are Nova's user of Ceph and, for volumes, Cinder's, which QEMU opens
# them with.  devstack-plugin-ceph makes them with "mon allow r": so they can't
# break the locks of a dead host, and every evacuated instance gets errors from
# its disk.
function _let_guests_break_locks {
    local nova=""
    if [[ -r "${NOVA_CONF:-}" ]]; then
        nova=$(iniget "$NOVA_CONF" libvirt rbd_user)
    fi
    if [[ -n "$nova" ]]; then
        _let_break_locks "$nova"
    else
        echo "WARNING: nova.conf has no rbd_user: without disks on RBD" \
            "nothing can be recovered"
    fi
    if [[ -n "${CINDER_CEPH_USER:-}" && "$CINDER_CEPH_USER" != "$nova" ]]; then
        _let_break_locks "$CINDER_CEPH_USER"
    fi
}

# _let_break_locks(user) - Add the profile rbd to a user who can't break locks.
function _let_break_locks {
    local user=$1 found words
    local -a caps
    found=$(_kaopu_ha_ceph auth get "client.$user" --format json)
    # All caps, one word a line: those that are not given again are lost.
    words=$("${PYTHON:-python3}" -c "import json, sys
caps = json.load(sys.stdin)[0]['caps']
mon = caps.get('mon', 'allow r')
if not any(able in mon for able in ('profile rbd', 'blocklist', 'allow *')):
    caps['mon'] = mon + ', profile rbd'
    print(*(word for pair in caps.items() for word in pair), sep='\n')" \
        <<<"$found")
    if [[ -n "$words" ]]; then
        echo "client.$user can't break the locks of a dead host: it gets the" \
            "profile rbd"
        mapfile -t caps <<<"$words"
        _kaopu_ha_ceph auth caps "client.$user" "${caps[@]}"
    fi
}

# open_kaopu_ha_libvirt() - Make libvirtd listen at the host's address.
function open_kaopu_ha_libvirt {
    local unit=libvirtd-tcp.socket
    if [[ "$KAOPU_HA_LIBVIRT_TCP" != "True" ]]; then
        return 0
    fi
    _restore_libvirtd_conf
    sudo sed -i 's/^auth_tcp/#kaopu-ha &/' "$KAOPU_HA_LIBVIRTD_CONF"
    echo 'auth_tcp = "none"  # kaopu-ha' |
        sudo tee -a "$KAOPU_HA_LIBVIRTD_CONF" >/dev/null
    sudo install -d "$SYSTEMD_DIR/$unit.d"
    # The empty line takes the packaged address away, which is every one.
    sudo tee "$SYSTEMD_DIR/$unit.d/kaopu-ha.conf" >/dev/null <<EOF
[Socket]
ListenStream=
ListenStream=$HOST_IP:16509
FreeBind=yes
EOF
    $SYSTEMCTL daemon-reload
    # systemd starts no socket for a service that runs.
    $SYSTEMCTL stop libvirtd.service
    $SYSTEMCTL enable $unit
    $SYSTEMCTL restart $unit
    $SYSTEMCTL start libvirtd.service
}

# close_kaopu_ha_libvirt() - Take back what open_kaopu_ha_libvirt did.
function close_kaopu_ha_libvirt {
    local unit=libvirtd-tcp.socket
    if [[ ! -e "$SYSTEMD_DIR/$unit.d/kaopu-ha.conf" ]]; then
        return 0
    fi
    _restore_libvirtd_conf
    sudo rm -rf "$SYSTEMD_DIR/$unit.d"
    $SYSTEMCTL daemon-reload
    $SYSTEMCTL stop libvirtd.service
    $SYSTEMCTL disable $unit
    $SYSTEMCTL stop $unit
    $SYSTEMCTL start libvirtd.service
}

function _restore_libvirtd_conf {
    sudo sed -i -e '/# kaopu-ha$/d' -e 's/^#kaopu-ha //' \
        "$KAOPU_HA_LIBVIRTD_CONF"
}

# keep_kaopu_ha_etcd_small() - Compaction and a quota for DevStack's own etcd.
#
# It compacts nothing by itself, and takes nothing more at its quota.  Whoever
# named other members looks after them.
function keep_kaopu_ha_etcd_small {
    local unit="$SYSTEMD_DIR/devstack@etcd.service"
    if [[ ! -e "$unit" ]]; then
        return
    fi
    sudo mkdir -p "$unit.d"
    printf '%s\n' '[Service]' \
        'Environment=ETCD_AUTO_COMPACTION_MODE=periodic' \
        'Environment=ETCD_AUTO_COMPACTION_RETENTION=1h' \
        'Environment=ETCD_QUOTA_BACKEND_BYTES=4294967296' |
        sudo tee "$unit.d/kaopu-ha.conf" > /dev/null
    $SYSTEMCTL daemon-reload
    $SYSTEMCTL restart devstack@etcd.service
}

# create_kaopu_ha_etcd_roles() - The users and roles of etcd.
#
# DevStack's etcd asks nobody who they are.  One that is served over TLS with
# --client-cert-auth does, from "kaopu-ha secure etcd --apply --enable" on.
function create_kaopu_ha_etcd_roles {
    "$KAOPU_HA_BIN_DIR/kaopu-ha" --config-file "$KAOPU_HA_CONF" \
        secure etcd --apply --hosts "$(_kaopu_ha_host)"
}

# start_kaopu_ha() - Start what is enabled, and wait until it works.
function start_kaopu_ha {
    local command="$KAOPU_HA_BIN_DIR/kaopu-ha --config-file $KAOPU_HA_CONF"
    # The agent asks the system's libvirt and restarts nova-compute.
    _start_kaopu_ha kaopu-ha-agent root
    _start_kaopu_ha kaopu-ha-controller "$STACK_USER"
    _start_kaopu_ha kaopu-ha-worker "$STACK_USER"
    _start_kaopu_ha_api
    if is_service_enabled kaopu-ha-controller; then
        test_with_retry "$command status --json | grep -q '\"epoch\": [1-9]'" \
            "No kaopu-ha-controller leads" 60 1
    fi
    if is_service_enabled kaopu-ha-agent; then
        command+=" host show $(_kaopu_ha_host)"
        test_with_retry "$command 2>/dev/null | grep -q '^beat *there'" \
            "This host has no beat: see the log of kaopu-ha-agent" 60 1
    fi
}

function _start_kaopu_ha_api {
    if ! is_service_enabled kaopu-ha-api; then
        return 0
    fi
    # DevStack tells by the name of the program how its unit is written.
    run_process kaopu-ha-api "$KAOPU_HA_BIN_DIR/uwsgi \
--procname-prefix kaopu-ha-api --ini $KAOPU_HA_UWSGI_CONF"
    if is_service_enabled tls-proxy; then
        start_tls_proxy kaopu-ha-api '*' "$KAOPU_HA_API_PORT" \
            "$SERVICE_HOST" "$KAOPU_HA_API_PORT_INT"
    fi
    # By its health: whoever asks need not be known to Keystone, nor trust it.
    test_with_retry "curl -g -k -sf -o /dev/null \
$(_kaopu_ha_api_url)/healthcheck" \
        "The API does not answer: see the log of kaopu-ha-api" 60 1
}

function _start_kaopu_ha {
    local name=$1 user=$2
    local unit=$SYSTEMD_DIR/devstack@$name.service
    if ! is_service_enabled "$name"; then
        return 0
    fi
    # DevStack's units stay down when their process ends; these come back,
    # unless their configuration was refused.
    iniset -sudo "$unit" Service Restart always
    iniset -sudo "$unit" Service RestartSec 1
    iniset -sudo "$unit" Service RestartPreventExitStatus 2
    run_process "$name" \
        "$KAOPU_HA_BIN_DIR/$name --config-file $KAOPU_HA_CONF" "" "$user"
}

# stop_kaopu_ha() - Stop what runs; the controller first, who would judge.
function stop_kaopu_ha {
    local name
    for name in kaopu-ha-controller kaopu-ha-worker kaopu-ha-api \
        kaopu-ha-agent; do
        stop_process "$name"
    done
}

# cleanup_kaopu_ha() - Remove all that the other phases made but the package.
function cleanup_kaopu_ha {
    local name
    close_kaopu_ha_libvirt
    for name in kaopu-ha-controller kaopu-ha-worker kaopu-ha-api \
        kaopu-ha-agent; do
        sudo rm -f "$SYSTEMD_DIR/devstack@$name.service"
    done
    sudo rm -f "$SYSTEMD_DIR/devstack@etcd.service.d/kaopu-ha.conf"
    $SYSTEMCTL daemon-reload
    # Ceph may be gone already.
    if is_service_enabled kaopu-ha-controller; then
        _kaopu_ha_ceph auth del "client.$KAOPU_HA_USER" ||
            echo "client.$KAOPU_HA_USER was not removed from Ceph"
    fi
    sudo rm -f "$KAOPU_HA_CEPH_KEYRING"
    sudo rm -f "$(_kaopu_ha_horizon_settings)"
    _remove_kaopu_ha_panels
    sudo rm -rf "$KAOPU_HA_CONF_DIR" "$KAOPU_HA_STATE_PATH" \
        "$KAOPU_HA_MESSAGES_PATH"
}

if is_service_enabled kaopu-ha-agent kaopu-ha-controller kaopu-ha-worker \
    kaopu-ha-api; then
    if [[ "$1" == "stack" && "$2" == "install" ]]; then
        echo_summary "Installing Kaopu HA"
        install_kaopu_ha
    elif [[ "$1" == "stack" && "$2" == "post-config" ]]; then
        echo_summary "Configuring Kaopu HA"
        configure_kaopu_ha
        keep_kaopu_ha_etcd_small
        create_kaopu_ha_users
        if is_service_enabled kaopu-ha-agent; then
            open_kaopu_ha_libvirt
        fi
    elif [[ "$1" == "stack" && "$2" == "extra" ]]; then
        echo_summary "Starting Kaopu HA"
        create_kaopu_ha_etcd_roles
        start_kaopu_ha
    elif [[ "$1" == "unstack" ]]; then
        stop_kaopu_ha
    elif [[ "$1" == "clean" ]]; then
        cleanup_kaopu_ha
    fi
fi

# Restore xtrace
$_XTRACE_KAOPU_HA
