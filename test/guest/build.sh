#!/bin/bash
# Build the test guest: a tiny cloud guest from Debian packages alone, without root mounts or loop devices.
#
#   build.sh CACHE    prints the folder CACHE/<hash> that holds vmlinuz, initrd.img and guest.qcow2
#
# The folder is named after all that goes in from here, and made once: later runs only print it. (Two builds differ
# in one time stamp on the disk, which SYSLINUX sets.) The kernel's .deb is kept in CACHE, so that only the first
# build needs a mirror; KERNEL_DEB=/path/to.deb gives another.
# Packages: busybox-static dropbear-bin syslinux syslinux-common mtools dosfstools cpio kmod qemu-utils fdisk
set -euo pipefail
export LC_ALL=C SOURCE_DATE_EPOCH=1700000000
HERE=$(cd "$(dirname "$0")" && pwd)
CACHE=${1:?usage: build.sh CACHE}; mkdir -p "$CACHE"; CACHE=$(cd "$CACHE" && pwd)
MIB=40

exec 9>"$CACHE/lock"; flock 9 # one build at a time
HASH=$(cat "$HERE/build.sh" "$HERE"/root/* /bin/busybox "$(command -v dropbear || echo /dev/null)" | sha256sum | cut -c1-16)
OUT=$CACHE/$HASH
if [ -e "$OUT/guest.qcow2" ]; then echo "$OUT"; exit; fi
W=$(mktemp -d "$CACHE/build.XXXXXX"); trap 'rm -rf "$W"' EXIT
R=$W/root; mkdir "$W/out"

fetch_kernel() {
  ls "$CACHE"/linux-image-*.deb >/dev/null 2>&1 && return
  local pkg; pkg=$(apt-cache depends linux-image-cloud-amd64 | awk '/Depends:/ {print $2; exit}')
  mkdir "$W/deb"
  (cd "$W/deb" && apt-get -qq -o APT::Sandbox::User=root -o DPkg::Lock::Timeout=900 download "$pkg" >&2)
  mv "$W"/deb/linux-image-*.deb "$CACHE/"
}

unpack_kernel() {
  [ -n "${KERNEL_DEB:-}" ] || { fetch_kernel; KERNEL_DEB=$(ls "$CACHE"/linux-image-*.deb | tail -1); }
  dpkg-deb -x "$KERNEL_DEB" "$W/kernel"
  KV=$(basename "$W"/kernel/lib/modules/*)
  cp "$W/kernel/boot/vmlinuz-$KV" "$W/out/vmlinuz"
  depmod -b "$W/kernel" "$KV" 2>/dev/null
}

copy_modules() { # the named ones with all that they need
  local m f
  for m in virtio_pci virtio_mmio virtio_blk virtio_net virtio_scsi virtio_console virtio-rng virtio_balloon sd_mod sr_mod \
    ata_piix ahci isofs vfat nls_cp437 nls_ascii nls_utf8 button evdev crc32c_generic ext4 ${EXTRA_MODS:-}; do
    modprobe -d "$W/kernel" -S "$KV" --show-depends "$m" 2>/dev/null | awk '/^insmod/ {print $2}' || true
  done | sort -u | while read -r f; do install -D -m 644 "$f" "$R/${f#"$W/kernel/"}"; done
  find "$R" -name '*.ko' -exec strip --strip-debug {} +
  cp "$W/kernel/lib/modules/$KV"/modules.{order,builtin} "$R/lib/modules/$KV/"
  depmod -b "$R" "$KV" 2>/dev/null
}

copy_dropbear() { # a dynamic program, with its libraries
  local bin l
  bin=$(command -v dropbear) || return 0
  install -D "$bin" "$R/usr/sbin/dropbear"
  { ldd "$bin" | awk '/=> \// {print $3} /^\t\/lib64/ {print $1}'; ls /lib/x86_64-linux-gnu/libnss_files.so.2 2>/dev/null || true; } |
    sort -u | while read -r l; do install -D "$(readlink -f "$l")" "$R/$l"; done
}

make_root() {
  local a
  mkdir -p "$R"/{bin,sbin,etc/dropbear,dev,proc,sys,run,tmp,mnt,root,usr/{bin,sbin},lib64,var/www/cgi-bin,lib/modules/$KV}
  ln -s /run "$R/var/run"
  cp /bin/busybox "$R/bin/busybox"
  for a in $(/bin/busybox --list); do [ "$a" = busybox ] || ln -sf /bin/busybox "$R/bin/$a"; done
  ln -sf /bin/busybox "$R/sbin/modprobe"
  echo 'root:x:0:0:root:/root:/bin/sh' >"$R/etc/passwd"; echo 'root:x:0:' >"$R/etc/group"
  echo 'root:*:19000:0:99999:7:::' >"$R/etc/shadow"; echo /bin/sh >"$R/etc/shells"; echo 'passwd: files' >"$R/etc/nsswitch.conf"
  echo guest-ok >"$R/var/www/index.html"
  install -D -m 755 "$HERE/root/init" "$R/init"
  install -D -m 755 "$HERE/root/udhcpc" "$R/usr/share/udhcpc/default.script"
  install -D -m 755 "$HERE/root/cgi" "$R/var/www/cgi-bin/sh"
  install -D -m 755 "$HERE/root/power" "$R/etc/acpid-power"
}

pack_initrd() {
  find "$R" -exec touch -h -d "@$SOURCE_DATE_EPOCH" {} +
  (cd "$R" && find . | sort | cpio --quiet --reproducible -o -H newc -R 0:0 | gzip -9n) >"$W/out/initrd.img"
}

pack_disk() { # MBR, one FAT16 partition, SYSLINUX
  local img=$W/guest.raw
  cat >"$W/syslinux.cfg" <<'C'
SERIAL 0 115200
PROMPT 0
TIMEOUT 0
DEFAULT linux
LABEL linux
 KERNEL /vmlinuz
 INITRD /initrd.img
 APPEND console=tty0 console=ttyS0,115200 net.ifnames=0 biosdevname=0 mitigations=off tsc=reliable no_timer_check loglevel=4 panic=5
C
  truncate -s "${MIB}M" "$img"
  printf 'label-id: 0x63756d75\nstart=2048,type=6,bootable\n' | sfdisk -q "$img"
  dd if=/usr/lib/syslinux/mbr/mbr.bin of="$img" bs=440 count=1 conv=notrunc status=none
  mkfs.vfat -F 16 -n GUESTBOOT -i 63756d75 --offset 2048 "$img" $((MIB * 1024 - 1024)) >/dev/null
  mcopy -i "$img@@1M" "$W/out/vmlinuz" "$W/out/initrd.img" "$W/syslinux.cfg" ::/
  syslinux --offset $((2048 * 512)) --install "$img"
  qemu-img convert -f raw -O qcow2 "$img" "$W/out/guest.qcow2"
}

unpack_kernel
make_root
copy_modules
copy_dropbear
pack_initrd
pack_disk
find "$CACHE" -maxdepth 1 -type d -mtime +7 ! -path "$CACHE" -exec rm -rf {} + # what nobody builds any more
chmod 755 "$W/out"; rm -rf "$OUT"; mv "$W/out" "$OUT"
echo "$OUT"
