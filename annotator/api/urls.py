"""Addresses of the REST API."""

from django.urls import path

from annotator.api import datasets, decisions, documents, events, exports, history, jobs

urlpatterns = [
    path("schema/", documents.schema, name="api_schema"),
    path("docs/", documents.docs, name="api_docs"),
    path("datasets/", datasets.dataset_list, name="api_dataset_list"),
    path("datasets/<int:dataset_id>/", datasets.dataset_detail, name="api_dataset_detail"),
    path("datasets/<int:dataset_id>/faces/", datasets.face_list, name="api_face_list"),
    path("datasets/<int:dataset_id>/layers/", datasets.layer_list, name="api_layer_list"),
    path("datasets/<int:dataset_id>/labels/", datasets.label_list, name="api_label_list"),
    path("datasets/<int:dataset_id>/runs/", datasets.run_list, name="api_run_list"),
    path("datasets/<int:dataset_id>/clusters/", datasets.cluster_list, name="api_cluster_list"),
    path("datasets/<int:dataset_id>/jobs/", jobs.job_list, name="api_job_list"),
    path("datasets/<int:dataset_id>/jobs/<int:job_id>/", jobs.job_detail, name="api_job_detail"),
    path("datasets/<int:dataset_id>/jobs/<int:job_id>/cancel/", jobs.job_cancel, name="api_job_cancel"),
    path("datasets/<int:dataset_id>/decisions/", decisions.decision_make, name="api_decision_make"),
    path("datasets/<int:dataset_id>/decisions/undo/", decisions.decision_undo, name="api_decision_undo"),
    path("datasets/<int:dataset_id>/events/", events.event_list, name="api_event_list"),
    path("datasets/<int:dataset_id>/events/mark/", events.event_mark, name="api_event_mark"),
    path("datasets/<int:dataset_id>/history/", history.history, name="api_history"),
    path("datasets/<int:dataset_id>/exports/", exports.exports, name="api_exports"),
    path("datasets/<int:dataset_id>/exports/<int:export_id>/", exports.export_detail, name="api_export_detail"),
]
