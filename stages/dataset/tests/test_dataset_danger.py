"""What a command does."""

import pytest

from stages.dataset.runbook.commands.danger import effect

DANGEROUS = """
kubectl exec deploy/worker -- python -c "from tasks import app; app.control.purge()"
python3 -c 'import shutil; shutil.rmtree("/data")'
kubectl delete pod web-0 -n web
kubectl -n web delete pvc <claim>
oc adm drain <node> --ignore-daemonsets
kubectl scale deployment web --replicas=0
kubectl scale --replicas 0 deploy/web -n web
kubectl patch pv data -p '{"metadata":{"finalizers":null}}'
kubectl replace --force -f pod.yaml
kubectl get pods -A | grep Evicted | awk '{print $2}' | xargs kubectl delete pod
kubectl exec -it db-0 -n db -- rm -rf /var/lib/data
kubectl exec db-0 -- psql -c "DROP TABLE jobs"
for pod in a b; do kubectl delete pod $pod; done
aws s3 rm --recursive s3://bucket/old
aws ecs update-service --cluster c --service s --desired-count 0
aws ec2 terminate-instances --instance-ids i-1
gcloud compute instances delete web
az vm deallocate -n web -g shop
find /var/log -name '*.gz' -mtime +7 -delete
find /tmp -type f -exec rm {} \\;
sudo rm -rf /var/lib/docker/tmp
crictl rmi --prune
docker system prune -a
docker stop web
docker volume rm data
kafka-consumer-groups --bootstrap-server b:9092 --group g --topic t --reset-offsets --to-latest --execute
kafka-topics.sh --delete --topic t
sudo systemctl stop kubelet
service nginx stop
reboot
sudo shutdown -r now
ssh node1 'sudo reboot'
kill -9 4711
pkill -f worker
terraform destroy -target aws_instance.web
helm uninstall web -n web
psql -c 'TRUNCATE sessions'
psql -c "SELECT pg_terminate_backend(4711)"
redis-cli -h cache FLUSHALL
nodetool removenode 1234
etcdctl member remove 8211f1d0f64f3269
git push --force origin main
git reset --hard HEAD~1
curl -X DELETE http://es:9200/logs-2020
journalctl --vacuum-size=500M
sudo truncate -s 0 /var/log/big.log
rabbitmqctl purge_queue orders
vgremove data
iptables -F
mkfs.ext4 /dev/sdb
""".strip().split("\n")

CHANGES = """
kubectl rollout restart deployment/web -n web
kubectl rollout undo deployment/web
kubectl cordon <node>
kubectl scale deployment web --replicas=3
kubectl apply -f fix.yaml
kubectl edit pvc data
helm rollback web 3
flux reconcile kustomization apps
sudo systemctl restart kubelet
docker restart web
aws ecs update-service --cluster c --service s --desired-count 4
git revert HEAD
chmod 600 /etc/key
echo 1 > /etc/flag
""".strip().split("\n")

LOOKS = """
kubectl get pods -n <my-namespace>
kubectl describe pod web-0
kubectl logs deploy/web --previous 2>/dev/null
kubectl delete pod web-0 --dry-run=client
kubectl auth can-i delete pods
kubectl get events -A | grep -i kill
systemctl status kubelet
journalctl -u kubelet -f
grep -r "rm -rf" /etc
aws ec2 describe-instances
docker ps -a
psql -c "SELECT count(*) FROM jobs"
etcdctl endpoint status
curl -s http://localhost:9090/-/healthy
kill -0 4711
git log --oneline
""".strip().split("\n")


@pytest.mark.parametrize("command", DANGEROUS)
def test_harm_is_found(command: str) -> None:
    assert effect(command).dangerous
    assert effect(command).mutating


@pytest.mark.parametrize("command", CHANGES)
def test_a_change_that_can_be_taken_back_is_no_harm(command: str) -> None:
    assert effect(command).mutating
    assert not effect(command).dangerous


@pytest.mark.parametrize("command", LOOKS)
def test_a_look_changes_nothing(command: str) -> None:
    assert not effect(command).mutating
