# shiftwatch in a container: no shell, no root, nothing written outside /var/lib/shiftwatch.
#
#   docker build -t shiftwatch:local .
#   docker run --read-only -p 127.0.0.1:9847:9847 -v "$PWD/etc:/etc/shiftwatch:ro" -v shiftwatch:/var/lib/shiftwatch shiftwatch:local
#
# etc/shiftwatch.yml says `store: sqlite:///var/lib/shiftwatch/shiftwatch.db` and `web: { listen: "0.0.0.0:9847" }`; the user
# 65532 must be able to read it.
# The whole house (Prometheus, Grafana, a simulated agency) is in docker-compose.yml.

FROM rust:1.95.0-slim-bookworm AS build
WORKDIR /src
# The dependencies first, around an empty program: they are built again only when they change.
COPY Cargo.toml Cargo.lock ./
COPY benches benches
RUN mkdir src && touch src/lib.rs && echo 'fn main() {}' > src/main.rs && cargo build --release --locked --lib --bins
COPY . .
# The empty program must not pass for the newer one.
RUN touch src/lib.rs src/main.rs && cargo build --release --locked --bin shiftwatch \
    && mkdir -p /out/bin /out/lib/shiftwatch && cp target/release/shiftwatch /out/bin/

# Debian 12's C library and certificates, and no more; its user nonroot is 65532. Time zones are inside the program.
FROM gcr.io/distroless/cc-debian12:nonroot
LABEL org.opencontainers.image.title="shiftwatch" \
      org.opencontainers.image.description="Watches a home-care agency's schedule so that nobody waits for a caregiver who is not coming." \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.url="https://example.com/shiftwatch"
COPY --from=build /out/bin/shiftwatch /usr/local/bin/shiftwatch
# A new volume takes over the owner of the folder it is laid over.
COPY --from=build --chown=65532:65532 /out/lib/ /var/lib/
ENV SHIFTWATCH_CONFIG=/etc/shiftwatch/shiftwatch.yml
USER 65532:65532
WORKDIR /var/lib/shiftwatch
VOLUME /var/lib/shiftwatch
EXPOSE 9847
STOPSIGNAL SIGTERM
# Asks the address that the configuration names, whether it speaks TLS or not.
HEALTHCHECK --interval=30s --timeout=5s --start-period=20s --retries=3 \
    CMD ["/usr/local/bin/shiftwatch", "healthcheck", "--config", "/etc/shiftwatch/shiftwatch.yml"]
ENTRYPOINT ["/usr/local/bin/shiftwatch"]
CMD ["run"]
